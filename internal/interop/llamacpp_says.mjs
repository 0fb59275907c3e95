// What llama.cpp makes of a GGUF file, as one JSON object: the ids of texts and the texts of those ids, and the ids that follow
// prompts, greedily, with the least probability of one of them.
//
//     node llamacpp_says.mjs PACKAGES MODEL < {"texts": [...], "prompts": [[id...]...]}
import {readFileSync} from "node:fs";
import {createRequire} from "node:module";
import {pathToFileURL} from "node:url";

const [packages, path] = process.argv.slice(2);
const {getLlama} = await import(pathToFileURL(createRequire(packages + "/x").resolve("node-llama-cpp")));
const asked = JSON.parse(readFileSync(0));
const llama = await getLlama({build: "never", gpu: false, logLevel: "error", maxThreads: 1, progressLogs: false});
const model = await llama.loadModel({modelPath: path});
const context = await model.createContext({contextSize: 1024, threads: 1});
const sequence = context.getSequence();
const out = {ids: [], texts: [], said: [], least: 1};
for (const t of asked.texts) {
	const ids = model.tokenize(t, false);
	out.ids.push([...ids]);
	out.texts.push(model.detokenize(ids, false));
}
for (const prompt of asked.prompts) {
	await sequence.clearHistory();
	const said = [];
	for await (const {token, confidence} of sequence.evaluateWithMetadata(prompt, {confidence: true}, {temperature: 0})) {
		out.least = Math.min(out.least, confidence);
		if (said.push(token) > 900) break;
	}
	out.said.push(said);
}
process.stdout.write(JSON.stringify(out));
process.exit(0);
