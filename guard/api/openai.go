package api

import "github.com/holdfast-ai/holdfast/guard/detect"

// Fields that reach the model without being text, take text out of the answer's text, give the prompt back in pieces,
// let more be generated than the fields that budgets read say, or are about the server and not the request. They are those of vLLM, SGLang, llama.cpp, TensorRT-LLM and TGI,
// and what Ollama takes under the paths of OpenAI.
const openAIHidden = "audio prompt_token_ids prompt_embeds input_ids chat_template chat_template_kwargs mm_processor_kwargs " +
	"multi_modal_data multi_modal_uuids kv_transfer_params return_token_ids return_tokens_as_token_ids return_tokens " +
	"return_hidden_states prompt_logprobs n_predict max_new_tokens use_beam_search n_cmpl n_probs input_embeds " +
	// code, other models, hosts to fetch state from, the state of others
	"custom_logit_processor logits_processors lora lora_path bootstrap_host bootstrap_port bootstrap_room session_params id_slot " +
	// arguments of plugins, of decoders, and of what takes state from elsewhere
	"vllm_xargs custom_params media_io_kwargs ec_transfer_params guided_decoding_backend " +
	// whose turn it is, where, and under whose name: a request that has the name of another can end it
	"priority request_id rid data_parallel_rank routed_dp_rank return_routed_experts post_sampling_probs " +
	// the prompt as the template makes it, with the operator's part, as text or as numbers that no rule reads
	"return_prompt_text return_prompt_token_ids return_meta_info _debug_render_only " +
	// log probabilities of tokens that the caller chooses, whatever was generated: the last layer, without a bias
	"logprob_token_ids " +
	// what the server makes of a template for itself: parsers, patterns for backtracking engines, words that are forced into the answer as special tokens
	"chat_parser chat_format grammar_triggers preserved_tokens reasoning_budget_start_tag reasoning_budget_end_tag reasoning_budget_end_tags reasoning_budget_message " +
	// which part of a prompt that is too long stays, and whose cache it goes on from
	"n_keep n_discard n_cache_reuse session_id previous_response ngram_corpus_id disagg_prefill_dp_rank disaggregated_params lora_request " +
	"images_config custom_labels conversation_params agent_hierarchy injected_chat_template_kwargs truncation_side " +
	// prompts and answers as numbers that no rule reads, logits whole, and whether what is generated is marked as such
	"prompt_token_ids_b64 detokenize return_context_logits return_generation_logits packed_top_logprobs watermarking"

// grammars are the fields that say what an answer must match.
const grammars = "response_format guided_json guided_regex guided_choice guided_grammar guided_whitespace_pattern structured_outputs structural_tag " +
	"json_schema grammar regex ebnf stop_regex"

// sampling are the fields that chat and text completions share.
func sampling() []field {
	return join(
		one("model", asModel),
		boolean("stream", func(p *Params) *bool { return &p.Stream }),
		integer("max_tokens", func(p *Params) *int64 { return &p.MaxTokens }),
		integer("min_tokens", func(p *Params) *int64 { return &p.MinTokens }),
		integer("n", func(p *Params) *int64 { return &p.N }),
		float("temperature", func(p *Params) *float64 { return &p.Temperature }),
		float("top_p", func(p *Params) *float64 { return &p.TopP }),
		float("min_p", func(p *Params) *float64 { return &p.MinP }),
		integer("top_k", func(p *Params) *int64 { return &p.TopK }),
		float("frequency_penalty", func(p *Params) *float64 { return &p.FrequencyPenalty }),
		float("presence_penalty", func(p *Params) *float64 { return &p.PresencePenalty }),
		float("repetition_penalty", func(p *Params) *float64 { return &p.RepetitionPenalty }),
		boolean("ignore_eos", func(p *Params) *bool { return &p.IgnoreEOS }),
		one("logit_bias", asBias), one("stop", asStops),
		fields(asIDs, "stop_token_ids allowed_token_ids bad_words_token_ids"),
		fields(asGrammar, grammars),
		hidden("truncate_prompt_tokens "+openAIHidden), // the front of a prompt, which is cut off, is the operator's
		one("verbose", asFalse),                        // gives the prompt back
	)
}

func chatRequest() *shape {
	part := &shape{
		name: "messages.content", strict: true, needs: []string{"type"},
		fields: join(
			one("type", asType), str("text refusal"), common(one("cache_control", asText)),
			below("image_url", asURL, &shape{name: "messages.content.image_url", strict: true, fields: join(one("url", asURL), str("detail"))}),
			below("input_audio", asObject, &shape{name: "messages.content.input_audio", strict: true, fields: join(one("data", asBase64), one("format", asMediaType))}),
			below("file", asObject, &shape{name: "messages.content.file", strict: true, fields: join(one("file_data", asURL), str("filename"), hidden("file_id"))}),
		),
		types: []typ{
			{name: "text", only: "text"}, {name: "refusal", only: "refusal"},
			{name: "image_url", only: "image_url", media: "image"},
			{name: "input_audio", only: "input_audio", media: "audio"}, {name: "file", only: "file", media: "file"},
		},
	}
	call := &shape{name: "messages.tool_calls", fields: join(
		str("id type"), below("function", asObject, functionCall()),
	)}
	message := &shape{
		name: "messages", unit: true, turn: true, roles: true, needs: []string{"role"},
		fields: join(
			one("role", asRole), below("content", asContent, part), str("name refusal tool_call_id"),
			below("tool_calls", asArray, call), below("function_call", asObject, functionCall()), hidden("audio"),
			by(detect.RoleDefinition, one("tools", asTools)), // of SGLang, beside those of the request
		),
	}
	return &shape{needs: []string{"messages"}, fields: join(
		below("messages", asArray, message), sampling(),
		integer("max_completion_tokens", func(p *Params) *int64 { return &p.MaxCompletionTokens }),
		unless("include_reasoning", func(p *Params) *bool { return &p.OmitReasoning }),
		boolean("logprobs", func(p *Params) *bool { return &p.Logprobs }),
		integer("top_logprobs", func(p *Params) *int64 { return &p.TopLogprobs }),
		by(detect.RoleDefinition, fields(asTools, "tools functions")),
		hidden("best_of web_search_options"), one("echo", asFalse), // would give what was said before back as an answer
	)}
}

func functionCall() *shape {
	return &shape{name: "messages.tool_calls.function", fields: join(str("name"), one("arguments", asArguments))}
}

func completionRequest() *shape {
	return &shape{needs: []string{"prompt"}, fields: join(
		by(detect.RoleUser, one("prompt", asPrompt)), by(detect.RoleUser, text("suffix")), sampling(),
		integer("best_of", func(p *Params) *int64 { return &p.BestOf }),
		integer("logprobs", func(p *Params) *int64 { return &p.TopLogprobs }),
		one("echo", asFalse),            // would give the prompt back as an answer
		hidden("max_completion_tokens"), // no bound where servers do not know it
	)}
}

func embeddingsRequest() *shape {
	return &shape{needs: []string{"input"}, fields: join(
		one("model", asModel), by(detect.RoleUser, one("input", asPrompt)),
		integer("dimensions", func(p *Params) *int64 { return &p.Dimensions }),
		str("encoding_format"), hidden("embed_dtype endianness"), // of answers that the guard reads otherwise
		hidden(openAIHidden), hidden("messages"),
	)}
}

func responsesRequest() *shape {
	part := &shape{
		name: "input.content", strict: true, needs: []string{"type"},
		fields: join(
			one("type", asType), str("text refusal detail filename"), text("annotations logprobs"),
			one("image_url", asURL), one("file_data", asURL), one("file_url", asURL), hidden("file_id"),
		),
		types: []typ{
			{name: "input_text", only: "text"}, {name: "output_text", only: "text annotations logprobs"}, {name: "refusal", only: "refusal"},
			{name: "text", only: "text"}, {name: "summary_text", only: "text"}, {name: "reasoning_text", only: "text"},
			{name: "input_image", only: "image_url detail file_id", media: "image"},
			{name: "input_file", only: "file_data file_url filename file_id", media: "file"},
		},
	}
	item := &shape{
		name: "input", unit: true, turn: true, roles: true, bare: true,
		fields: join(
			one("type", asType), one("role", asRole), below("content", asContent, part), str("id call_id name status"),
			one("arguments", asArguments), below("output", asContent, part), below("summary", asArray, part), text("input"),
		),
		types: []typ{
			{name: "message"}, {name: "function_call", role: detect.RoleAssistant}, {name: "custom_tool_call", role: detect.RoleAssistant},
			{name: "function_call_output", role: detect.RoleTool}, {name: "custom_tool_call_output", role: detect.RoleTool},
			{name: "reasoning", role: detect.RoleAssistant},
		},
	}
	return &shape{needs: []string{"input"}, fields: join(
		by(detect.RoleUser, below("input", asContent, item)),
		by(detect.RoleSystem, text("instructions")),
		one("model", asModel),
		boolean("stream", func(p *Params) *bool { return &p.Stream }),
		integer("max_output_tokens", func(p *Params) *int64 { return &p.MaxTokens }),
		float("temperature", func(p *Params) *float64 { return &p.Temperature }),
		float("top_p", func(p *Params) *float64 { return &p.TopP }),
		integer("top_logprobs", func(p *Params) *int64 { return &p.TopLogprobs }),
		integer("top_k", func(p *Params) *int64 { return &p.TopK }),
		float("repetition_penalty", func(p *Params) *float64 { return &p.RepetitionPenalty }),
		boolean("ignore_eos", func(p *Params) *bool { return &p.IgnoreEOS }),
		one("logit_bias", asBias), one("stop", asStops), one("include", asIncluded),
		by(detect.RoleDefinition, one("tools", asTools)),
		one("truncation", asDisabled), // of the front of a prompt, which is the operator's
		// What these refer to is kept by the backend, where no rule has seen it.
		hidden("previous_response_id previous_input_messages conversation prompt"), one("background", asFalse), one("verbose", asFalse),
		hidden("enable_response_messages"), // would give the prompt back
		fields(asGrammar, "text "+grammars),
		hidden(openAIHidden), hidden("messages"),
	)}
}
