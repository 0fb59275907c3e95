// Asks one peer about the texts on standard input, with its defaults: prints which it flags and the CPU time that took.
import { readFileSync } from 'node:fs';

const peers = {
	vard: async () => { const { default: vard } = await import('@andersmyrmel/vard'); return (text) => !vard.safe(text).safe; },
	llm_guardrail: async () => { const { check } = await import('llm_guardrail'); return async (text) => (await check(text)).detected; },
	llmverify: async () => { const { default: llm } = await import('llmverify'); return (text) => !llm.isInputSafe(text); },
};
const { peer, texts } = JSON.parse(readFileSync(0, 'utf8'));
const flags = await peers[peer]();
for (const text of texts.slice(0, 1000)) await flags(text); // compiled by now
let flagged, micros = Infinity;
for (let pass = 0; pass < 3 && !(micros < Infinity && micros > 5e6); pass++) { // the least of three, unless they are long
	flagged = [];
	const start = process.cpuUsage();
	for (const text of texts) {
		const answer = flags(text);
		flagged.push(answer instanceof Promise ? await answer : answer);
	}
	const { user, system } = process.cpuUsage(start);
	micros = Math.min(micros, user + system);
}
console.log(JSON.stringify({ flagged, micros }));
