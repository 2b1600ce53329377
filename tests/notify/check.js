// SPDX-License-Identifier: MIT
// check.js RULES_WRITE - cloud events of notifications, read by the CloudEvents project's own library
// (npm: cloudevents), in strict mode, from their headers and bodies.
'use strict';

const assert = require('assert');
const { execFileSync } = require('child_process');
const { HTTP } = require('cloudevents');

const lines = execFileSync(process.argv[2], { encoding: 'utf8' }).trim().split('\n').map((line) => JSON.parse(line));
let count = 0;

function dataOf(payload) {
	const text = payload.toString('utf8');
	if (!payload.length)
		return undefined;
	try {
		return JSON.parse(text);
	} catch (error) {
		return Buffer.from(text, 'utf8').equals(payload) && !text.includes('\0') ? text : payload;
	}
}

// Headers as node's http gives them.
function headersOf(text) {
	return Object.fromEntries(text.trim().split('\n').map((line) => {
		const [, name, value] = /^([!-9;-~]+): ([!-~ ]*)$/.exec(line);
		return [name.toLowerCase(), value];
	}));
}

function check(line) {
	const headers = headersOf(line.headers), body = Buffer.from(line.body, 'base64');
	const binary = 'ce-id' in headers, data = dataOf(Buffer.from(line.payload, 'base64'));
	const bytes = binary && /octet-stream/.test(headers['content-type']);
	const event = HTTP.toEvent({ headers, body: bytes ? body : body.toString('utf8') });

	assert.ok(!('ce-datacontenttype' in headers));
	assert.ok(event.validate());
	assert.strictEqual(event.id, line.id);
	assert.strictEqual(event.specversion, '1.0');
	assert.strictEqual(event.source, '/weir/shop');
	assert.strictEqual(event.type, `com.example.${line.topic}`);
	assert.strictEqual(new Date(event.time).toISOString(), '2026-11-26T07:00:00.250Z');
	if (Buffer.isBuffer(data))
		assert.ok(Buffer.from(event.data_base64 || event.data, event.data_base64 ? 'base64' : undefined).equals(data));
	else if (data === undefined)
		assert.ok(!event.data);
	else
		assert.deepStrictEqual(event.data, data);
}

console.log(`1..${lines.length}`);
for (const line of lines) {
	count++;
	try {
		check(line);
		console.log(`ok ${count} - ${line.id}`);
	} catch (error) {
		console.log(`not ok ${count} - ${line.id}`);
		console.log(String(error.stack).replace(/^/gm, '# '));
		process.exitCode = 1;
	}
}
