// SPDX-License-Identifier: MIT
/*
 * emitter.js - the peer "emitter": Node's EventEmitter, one load, one line of JSON.
 *
 * The call is emitter.emit(name, payload), for 64 topics with a listener each; 1p3c has three for
 * each topic. emit() calls them before it returns, on the thread that emits: there is no second
 * thread, no queue and no copy, so other scenarios and batches have no meaning here.
 *
 * What was done to be fair: the payload is one Float64Array, made before and filled for each event
 * (a BigUint64Array would make an object of each word; what an emitter passes is a reference, so
 * one array is enough). Names are interned strings and listeners of one consumer one function, so
 * that V8 sees one kind of each. Loads are repeated for two seconds, and on until two in a row
 * agree within 5 %, for six at most. With "split" the thread is on the first processor and V8's own
 * threads where they like. Sums are exact: they are taken over before they reach 2^53. In the open
 * loop the first word is nanoseconds since the load began, for the same reason.
 */
'use strict';

const EventEmitter = require('node:events');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');

const USAGE = 64, UNAVAILABLE = 69;
const TOPICS = 64;
const CHUNK = 1 << 17;          // events; what 32 words of each add to a sum stays below 2^53
const FIRST_EVENTS = 64;
const WARM_SECONDS = 0.05, AGREE = 0.05, AT_MOST = 3, FAST_RATE = 1e6;

const names = Array.from({ length: TOPICS }, (_, i) => `order.${i}.after.create`);

function nanoseconds() {
	return performance.now() * 1e6;
}

/* -- listeners -------------------------------------------------------------- */

class Consumer {
	constructor(events) {
		this.count = 0;
		this.sum = 0;           // of all words since it was last taken over
		this.total = 0n;
		this.previous = -1;
		this.disordered = false;
		this.begin = 0;         // nanoseconds
		this.latencies = new Float64Array(events);
	}

	add(payload) {
		let sum = this.sum;

		for (let w = 0; w < payload.length; w++)
			sum += payload[w];
		this.sum = sum;
		this.count++;
	}

	takeOver() {
		this.total += BigInt(this.sum);
		this.sum = 0;
	}

	/** For a load as fast as it goes: the first word is the event's number. */
	counter() {
		return (payload) => {
			if (payload[0] !== this.count)
				this.disordered = true;
			this.add(payload);
		};
	}

	/** For a load at a rate: the first word is the moment when it was due. */
	timer() {
		return (payload) => {
			const due = payload[0];

			this.latencies[this.count] = nanoseconds() - this.begin - due;
			if (due <= this.previous)
				this.disordered = true;
			this.previous = due;
			this.add(payload);
		};
	}
}

/* -- a load ----------------------------------------------------------------- */

/* Faster than payload.fill(), by half where there is one word. */
function fill(payload, number) {
	for (let w = 0; w < payload.length; w++)
		payload[w] = number;
}

function emitClosed(emitter, payload, first, end) {
	for (let i = first; i < end; i++) {
		fill(payload, i);
		emitter.emit(names[i % TOPICS], payload);
	}
	return 0;
}

function emitAtRate(emitter, payload, first, end, begin, interval) {
	let late = 0;

	for (let i = first; i < end; i++) {
		const due = 1000 + Math.floor(i * interval);

		if (nanoseconds() - begin > due)
			late++;
		else
			while (nanoseconds() - begin < due)
				;
		fill(payload, i);
		payload[0] = due;
		emitter.emit(names[i % TOPICS], payload);
	}
	return late;
}

function check(consumers, events, sum) {
	consumers.forEach((consumer, i) => {
		if (consumer.count !== events)
			throw new Error(`consumer ${i} handled ${consumer.count} of ${events} events`);
		if (consumer.total !== sum)
			throw new Error(`consumer ${i} has a wrong sum`);
		if (consumer.disordered)
			throw new Error(`consumer ${i} saw events out of order`);
	});
}

function expectedSum(options, events) {
	const words = BigInt(options.size / 8), n = BigInt(events);
	let dues = 0n;

	if (!options.rate)
		return words * n * (n - 1n) / 2n;
	for (let i = 0; i < events; i++)
		dues += BigInt(1000 + Math.floor(i * (1e9 / options.rate)));
	return dues + (words - 1n) * n * (n - 1n) / 2n;
}

function run(options, atLeast) {
	const events = Math.max(1, Math.round(atLeast));
	const emitter = new EventEmitter(), payload = new Float64Array(options.size / 8);
	const consumers = [];
	let late = 0, begin, seconds;

	for (let c = 0; c < (options.scenario === '1p3c' ? 3 : 1); c++) {
		const consumer = new Consumer(options.rate ? events : 0);
		const listener = options.rate ? consumer.timer() : consumer.counter();

		consumers.push(consumer);
		names.forEach((name) => emitter.on(name, listener));
	}
	begin = nanoseconds();
	consumers.forEach((consumer) => { consumer.begin = begin; });
	for (let first = 0; first < events; first += CHUNK) {
		const end = Math.min(first + CHUNK, events);

		late += options.rate ?
			emitAtRate(emitter, payload, first, end, begin, 1e9 / options.rate) :
			emitClosed(emitter, payload, first, end);
		consumers.forEach((consumer) => consumer.takeOver());
	}
	seconds = (nanoseconds() - begin) / 1e9;
	check(consumers, events, expectedSum(options, events));
	return { events, seconds, late, latencies: consumers[0].latencies };
}

/* How many events the timed load is to have. */
function warmUp(options) {
	const wanted = Math.min(WARM_SECONDS, options.seconds), begin = nanoseconds();
	let events = FIRST_EVENTS, before = 0;

	for (;;) {
		const load = run(options, events), each = load.seconds / load.events;
		const passed = (nanoseconds() - begin) / 1e9;

		if (passed > AT_MOST * options.warmup || passed > options.warmup &&
		    load.seconds > wanted / 2 && Math.abs(each / before - 1) < AGREE)
			return options.seconds / each;
		before = each;
		events = Math.min(2 * load.events, 1.5 * wanted / each + 1);
	}
}

/* First faster than measured, since the compiler counts rounds and not seconds. */
function warmUpAtRate(options) {
	const begin = nanoseconds();

	for (let passed = 0; passed < options.warmup; passed = (nanoseconds() - begin) / 1e9) {
		const rate = passed < options.warmup / 2 ?
			Math.max(FAST_RATE, options.rate) : options.rate;

		run({ ...options, rate }, rate * WARM_SECONDS);
	}
	return options.rate * options.seconds;
}

/* -- options and results ---------------------------------------------------- */

const known = {
	scenario: ['1p1c', '1p3c'],
	size: ['8', '48', '256'],
	batch: ['1'],
	wait: ['direct'],
	place: ['split', 'free'],
};

function wrongUsage(message) {
	process.stderr.write(`peer-emitter: ${message}\n`);
	process.exit(USAGE);
}

function parse(words) {
	const options = {
		scenario: '1p1c', size: '48', batch: '1', wait: 'direct', place: 'split', rate: 0,
		seconds: 0.25, warmup: 2, list: false,
	};

	for (let i = 0; i < words.length; i++) {
		const name = words[i].replace(/^--/, '');
		const value = words[i + 1];

		if (words[i] === '--list') {
			options.list = true;
			continue;
		}
		if (known[name]?.includes(value))
			options[name] = value;
		else if (['rate', 'seconds', 'warmup'].includes(name) && value > 0 && value < 1e12)
			options[name] = Number(value);
		else
			wrongUsage(`${words[i]} ${value ?? ''}: unknown`);
		i++;
	}
	if (options.rate && options.scenario !== '1p1c')
		wrongUsage('--rate is for 1p1c');
	options.size = Number(options.size);
	options.batch = Number(options.batch);
	return options;
}

function list() {
	return {
		peer: 'emitter', what: "Node's EventEmitter: emit, on the emitting thread",
		package: 'nodejs', version: process.versions.node, kind: 'emitter',
		scenarios: known.scenario, sizes: known.size.map(Number),
		batches: known.batch.map(Number), waits: known.wait,
	};
}

/* This thread alone, which has the number of the process. */
function pin() {
	const allowed = fs.readFileSync('/proc/self/status', 'utf8')
		.match(/^Cpus_allowed_list:\s*(\d+)/m)[1];

	if (spawnSync('taskset', ['-cp', allowed, String(process.pid)]).status !== 0) {
		process.stderr.write('peer-emitter: no taskset, or it does not work\n');
		process.exit(UNAVAILABLE);
	}
}

function latencies(load) {
	const sorted = load.latencies.sort();
	const at = (part) => Math.round(sorted[Math.round(part * (sorted.length - 1))]);

	return { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: at(1),
	         behind: load.late / load.events };
}

function measure(options) {
	const events = options.rate ? warmUpAtRate(options) : warmUp(options);
	const before = process.cpuUsage(), load = run(options, events);
	const cpu = process.cpuUsage(before);

	return {
		events: load.events, seconds: load.seconds,
		ns_per_event: load.seconds * 1e9 / load.events,
		cpu_seconds: (cpu.user + cpu.system) / 1e6,
		...(options.rate ? { rate: options.rate, ...latencies(load) } : {}),
		ok: true,
	};
}

function main() {
	const options = parse(process.argv.slice(2));
	const { scenario, size, batch, wait, place } = options;
	let result;

	if (options.list)
		return console.log(JSON.stringify(list()));
	if (place === 'split')
		pin();
	try {
		result = measure(options);
	} catch (failed) {
		result = { ok: false, error: failed.message };
		process.exitCode = 1;
	}
	console.log(JSON.stringify({ peer: 'emitter', scenario, size, batch, wait, place, ...result }));
}

main();
