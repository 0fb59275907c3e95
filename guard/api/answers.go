package api

import (
	"bytes"
	"slices"
)

func chatAnswer() *answerShape {
	return &answerShape{
		list: "choices", grow: "delta message", itself: "text", calls: "tool_calls",
		known: "content function system_fingerprint service_tier reasoning_content reasoning refusal total_tokens audio annotations logprob",
	}
}

func completionAnswer() *answerShape {
	return &answerShape{list: "choices", itself: "text", known: "system_fingerprint total_tokens logprob token_logprobs text_offset"}
}

func embeddingsAnswer() *answerShape {
	return &answerShape{list: "data", known: "total_tokens total_duration load_duration"}
}

// A Responses stream repeats each text as a whole when it is complete, and all of them at the end.
func responsesAnswer() *answerShape {
	return &answerShape{
		anyName: true, blocks: true, items: true, probs: true,
		grow: "output", itself: "delta", where: "choice=output_index call=content_index call=summary_index",
		fixed: "status item_id call_id",
		known: "response item part text content summary sequence_number total_tokens delta incomplete_details instructions reasoning " +
			"metadata tools tool_choice temperature top_p truncation parallel_tool_calls store annotations logprob",
		event: func(a *Answer, kind []byte) {
			a.Event = kind
			for i := range a.Pieces {
				if c := &a.Pieces[i].Channel; c.Field == hashName(0, []byte("delta")) {
					c.Args = bytes.HasSuffix(kind, []byte("_arguments.delta")) || bytes.HasSuffix(kind, []byte("_tool_call_input.delta"))
					c.Field = hashName(c.Field, bytes.TrimSuffix(kind, []byte(".delta")))
				}
			}
			switch string(kind) {
			case "response.completed", "response.failed", "response.incomplete", "error":
				a.Last = true
			default:
				if bytes.HasSuffix(kind, []byte(".done")) && a.choice >= 0 {
					a.Ends = append(a.Ends, End{a.choice, a.call})
				}
			}
			a.Failed = a.Failed && string(kind) == "error" // whole answers have "error": null, or the error of a model
		},
	}
}

func messagesAnswer() *answerShape {
	return &answerShape{
		nameHere: true, blocks: true,
		grow: "delta content_block content", where: "call=index", fixed: "stop_reason signature",
		known: "content text partial_json thinking input stop_reason stop_sequence cache_creation_input_tokens cache_read_input_tokens",
		event: func(a *Answer, kind []byte) {
			switch string(kind) {
			case "message", "": // a whole answer
				return
			case "content_block_start": // arguments follow
				a.Calls = slices.DeleteFunc(a.Calls, func(c Call) bool { return string(c.Args) == "{}" })
			case "content_block_stop":
				a.Ends = append(a.Ends, End{-1, a.call})
			case "message_stop", "error":
				a.Last = true
			}
			a.Event = kind
		},
	}
}

func ollamaAnswer() *answerShape {
	return &answerShape{
		grow: "message", itself: "response thinking", calls: "tool_calls",
		known: "content thinking function images tool_name done_reason context total_duration load_duration prompt_eval_duration eval_duration logprob",
	}
}
