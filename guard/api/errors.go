package api

import "strconv"

// ContentType of [AppendError]'s output.
const ContentType = "application/json"

// AppendError appends an error object in OpenAI's form: {"error":{"message","type","param","code"}}. The strings must
// need no escaping in JSON; param is null if empty.
func AppendError(dst []byte, message, kind, param, code string) []byte {
	dst = append(dst, `{"error":{"message":`...)
	dst = strconv.AppendQuote(dst, message)
	dst = append(dst, `,"type":`...)
	dst = strconv.AppendQuote(dst, kind)
	dst = append(dst, `,"param":`...)
	if param == "" {
		dst = append(dst, "null"...)
	} else {
		dst = strconv.AppendQuote(dst, param)
	}
	dst = append(dst, `,"code":`...)
	dst = strconv.AppendQuote(dst, code)
	return append(dst, "}}"...)
}

// FilteredChunk is the payload of the last chunk of a stream that was ended for its content, for the choice with index 0.
const FilteredChunk = `{"id":"chatcmpl-guard","object":"chat.completion.chunk","created":0,"model":"",` +
	`"choices":[{"index":0,"delta":{},"finish_reason":"content_filter"}]}`
