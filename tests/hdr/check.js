// SPDX-License-Identifier: MIT
// check.js HISTOGRAM_WRITE WEIR - what weir writes, read by HdrHistogram's own library (npm:
// hdr-histogram-js): the same values give the same .hgrm, a .hlog decodes to the same counts, and
// `weir bench` prints the percentiles that its files hold.
'use strict';

const assert = require('assert');
const { execFileSync } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');
const hdr = require('hdr-histogram-js');

const [write, weir] = process.argv.slice(2);
const PERCENTILES = [0, 1, 10, 25, 50, 75, 90, 99, 99.9, 99.99, 99.999, 100];
const HOUR = 3600e9;
let count = 0;

function check(name, body) {
	count++;
	try {
		body();
		console.log(`ok ${count} - ${name}`);
	} catch (error) {
		console.log(`not ok ${count} - ${name}`);
		console.log(String(error.stack).replace(/^/gm, '# '));
		process.exitCode = 1;
	}
}

function run(program, args, input) {
	return execFileSync(program, args, { input, encoding: 'utf8', maxBuffer: 1 << 28,
	                                     stdio: ['pipe', 'pipe', 'inherit'] });
}

function histogramOf(values) {
	const histogram = hdr.build({ lowestDiscernibleValue: 1, highestTrackableValue: HOUR,
	                              numberOfSignificantValueDigits: 3, bitBucketSize: 64 });
	values.forEach((value) => histogram.recordValue(value));
	return histogram;
}

// The last digit of percentile, mean and deviation may be rounded the other way.
function sameDistribution(ours, theirs) {
	const lines = ours.split('\n'), expected = theirs.split('\n');
	assert.strictEqual(lines.length, expected.length);
	lines.forEach((line, i) => {
		assert.strictEqual(line.replace(/[\d.]+/g, (digits) => '9'.repeat(digits.length)),
		                   expected[i].replace(/[\d.]+/g, (digits) => '9'.repeat(digits.length)));
		const [a, b] = [line, expected[i]].map((one) => (one.match(/[\d.]+/g) || []).map(Number));
		const slack = line.startsWith('#[Mean') ? [0.0011, 0.0011] : [0, 1.1e-12];
		a.forEach((value, k) => assert.ok(Math.abs(value - b[k]) <= (slack[k] || 0),
		                                  `${line} ${expected[i]}`));
	});
}

function decode(log) {
	const reader = new hdr.HistogramLogReader(log, 64), found = [];
	for (let next; (next = reader.nextIntervalHistogram());)
		found.push(next);
	return found;
}

function sameCounts(ours, theirs) {
	assert.strictEqual(ours.totalCount, theirs.totalCount);
	assert.strictEqual(ours.mean, theirs.mean);
	for (const percent of PERCENTILES)
		assert.strictEqual(ours.getValueAtPercentile(percent), theirs.getValueAtPercentile(percent));
	assert.strictEqual(ours.outputPercentileDistribution(5, 1).split('#')[0],
	                   theirs.outputPercentileDistribution(5, 1).split('#')[0]);
}

let seed = 12345;
function random() {
	seed = (seed * 1103515245 + 12345) % 2147483648;
	return seed / 2147483648;
}

const cases = {
	'no value': [],
	'one value': [1234567],
	'zero': [0, 0, 0, 5],
	'1 to 1000': Array.from({ length: 1000 }, (_, i) => i + 1),
	'an hour': [1, 2047, 2048, 4095, 4096, HOUR],
	'like latencies': Array.from({ length: 50000 }, () => Math.floor(900 / (random() + 1e-6))),
	'all sizes': Array.from({ length: 50000 }, () => Math.floor(Math.pow(2, 41 * random()))),
	'many of one': Array.from({ length: 70000 }, (_, i) => (i % 1000 ? 500 : 3000000)),
};

for (const [name, values] of Object.entries(cases)) {
	const input = values.join('\n') + '\n', theirs = histogramOf(values);
	check(`${name}: .hgrm`, () => sameDistribution(run(write, [], input),
	                                               theirs.outputPercentileDistribution(5, 1000)));
	check(`${name}: .hlog`, () => {
		const [ours, ...rest] = decode(run(write, ['total'], input));
		assert.strictEqual(rest.length, 0);
		assert.strictEqual(ours.tag, 'total');
		assert.strictEqual(ours.startTimeStampMsec, 1700000000000);
		assert.strictEqual(ours.endTimeStampMsec, 1700000001500);
		sameCounts(ours, theirs);
	});
}

if (weir) {
	const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-hdr-'));
	const prefix = path.join(dir, 'x');
	const report = JSON.parse(run(weir, ['bench', '--rate', '20000', '--duration', '300ms', '--repeat',
		'2', '--no-yardstick', '--json', `--hgrm=${prefix}`, `--hlog=${prefix}.hlog`]));
	const kinds = ['waiting', 'handling', 'total'];
	const decoded = decode(fs.readFileSync(`${prefix}.hlog`, 'utf8'));
	check('weir bench: an interval for each kind and run', () => assert.strictEqual(decoded.length, 6));
	kinds.forEach((kind) => check(`weir bench: ${kind}`, () => {
		const all = report.latency[0][kind];
		const sum = histogramOf([]);
		decoded.filter((one) => one.tag.endsWith(kind)).forEach((one) => sum.add(one));
		assert.strictEqual(sum.totalCount, all.count);
		for (const [name, percent] of [['p50', 50], ['p90', 90], ['p99', 99], ['p99.9', 99.9], ['p99.99', 99.99]])
			assert.strictEqual(Math.min(sum.getValueAtPercentile(percent), all.max), all[name]);
		const file = fs.readdirSync(dir).find((one) => one.endsWith(`${kind}.hgrm`));
		sameDistribution(fs.readFileSync(path.join(dir, file), 'utf8').split('#')[0],
		                 sum.outputPercentileDistribution(5, 1000).split('#')[0]);
	}));
	fs.rmSync(dir, { recursive: true });
}
console.log(`1..${count}`);
