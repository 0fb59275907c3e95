package guard

// A Server is a program that serves models over HTTP.
type Server string

// Servers whose routes [ServerRoutes] knows.
const (
	ServerVLLM     Server = "vllm"      // vLLM, and SGLang, which has the same routes
	ServerLlamaCpp Server = "llama.cpp" // llama-server
	ServerOllama   Server = "ollama"
	ServerKServe   Server = "kserve" // Open Inference Protocol: KServe, Triton, OpenVINO
)

// ServerRoutes returns the routes of a server that its clients use to get answers, list its models and see whether it is alive; none for
// a server that it does not know, so that nothing is let through. What manages a server (pulling, deleting and loading models or adapters,
// its metrics, its tokenizer) is not among them. The list is the caller's to change.
func ServerRoutes(s Server) []Route {
	var kinds []Kind
	var pass []string
	switch s {
	case ServerVLLM:
		kinds = []Kind{KindChat, KindCompletions, KindResponses, KindEmbeddings, KindMessages}
		pass = []string{"/v1/models", "/health"}
	case ServerLlamaCpp:
		kinds = []Kind{KindChat, KindCompletions, KindEmbeddings}
		pass = []string{"/v1/models", "/health"}
	case ServerOllama:
		kinds = []Kind{KindOllamaChat, KindGenerate, KindEmbed, KindChat, KindCompletions, KindEmbeddings}
		pass = []string{"/", "/api/version", "/api/tags", "/v1/models"}
	case ServerKServe:
		kinds = []Kind{KindInfer}
		pass = []string{"/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/*", "/v2/models/*/ready", "/v2/models/*/versions/*", "/v2/models/*/versions/*/ready"}
	}
	var out []Route
	for _, k := range kinds {
		out = append(out, Routes(k)...)
	}
	for _, p := range pass {
		out = append(out, Route{"GET", p, KindPass})
	}
	if s == ServerOllama {
		out = append(out, Route{"HEAD", "/", KindPass}) // its clients look whether it is there
	}
	return out
}
