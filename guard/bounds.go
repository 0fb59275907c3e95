package guard

// Limits bound what one request, and one key, may cost. A zero field takes the default.
type Limits struct {
	MaxBodyBytes     int   `json:"max_body_bytes" validate:"min=1,max=67108864"`      // of a request, compressed or not; default 1 MiB
	MaxInflate       int   `json:"max_inflate" validate:"min=1,max=10000"`            // how many times its own size a compressed body may grow; default 100
	MaxResponseBytes int   `json:"max_response_bytes" validate:"min=1,max=268435456"` // of an answer that comes whole; default 8 MiB
	MaxEventBytes    int   `json:"max_event_bytes" validate:"min=1,max=16777216"`     // of one streamed event, and of all that are held back; default 256 KiB
	MaxInputTokens   int64 `json:"max_input_tokens" validate:"min=1"`                 // of a request's text; default 32,768
	MaxOutputTokens  int64 `json:"max_output_tokens" validate:"min=1,max=16777216"`   // that a request may ask for, all choices together; default 8,192
	KeyTokens        int64 `json:"key_tokens" validate:"min=1"`                       // per key and window, in and out; default 1,000,000
	KeyWindowSeconds int64 `json:"key_window_seconds" validate:"min=1,max=31536000"`  // default 3,600
	Concurrent       int   `json:"concurrent" validate:"min=1"`                       // requests at work; default 256
	KeyConcurrent    int   `json:"key_concurrent" validate:"min=1"`                   // requests at work for one key; default 32

	// IPv6Prefix is how many bits of an IPv6 address tell who sends a request, where nothing else does; default 64, since that is
	// what one subscriber gets at the least, with an address for each request if he likes. Hosting companies give 56 or 48.
	// IPv4 addresses, in either form, tell whole.
	IPv6Prefix int `json:"ipv6_prefix" validate:"min=16,max=128"`

	BodySeconds   int64 `json:"body_seconds" validate:"min=1,max=3600"`    // for a request's body to arrive; default 30
	AnswerSeconds int64 `json:"answer_seconds" validate:"min=1,max=86400"` // for an answer, streamed or not; default 600. A reload ends streams that are older than its value
	IdleSeconds   int64 `json:"idle_seconds" validate:"min=1,max=86400"`   // between two pieces of a stream, from the upstream; default 120
	WriteSeconds  int64 `json:"write_seconds" validate:"min=1,max=3600"`   // for the caller to take one piece of an answer; default 30
	HoldMillis    int64 `json:"hold_millis" validate:"min=1,max=3600000"`  // that an event may be held back; then the stream ends. Default 15,000
	BeatMillis    int64 `json:"beat_millis" validate:"min=1,max=3600000"`  // between comments while events are held back; default 2,000
}

func (l Limits) withDefaults() Limits {
	l.MaxBodyBytes = or(l.MaxBodyBytes, 1<<20)
	l.MaxInflate = or(l.MaxInflate, 100)
	l.MaxResponseBytes = or(l.MaxResponseBytes, 8<<20)
	l.MaxEventBytes = or(l.MaxEventBytes, 256<<10)
	l.MaxInputTokens = or(l.MaxInputTokens, 32768)
	l.MaxOutputTokens = or(l.MaxOutputTokens, 8192)
	l.KeyTokens = or(l.KeyTokens, 1_000_000)
	l.KeyWindowSeconds = or(l.KeyWindowSeconds, 3600)
	l.Concurrent = or(l.Concurrent, 256)
	l.KeyConcurrent = or(l.KeyConcurrent, 32)
	l.IPv6Prefix = or(l.IPv6Prefix, 64)
	l.BodySeconds = or(l.BodySeconds, 30)
	l.AnswerSeconds = or(l.AnswerSeconds, 600)
	l.IdleSeconds = or(l.IdleSeconds, 120)
	l.WriteSeconds = or(l.WriteSeconds, 30)
	l.HoldMillis = or(l.HoldMillis, 15_000)
	l.BeatMillis = or(l.BeatMillis, 2_000)
	return l
}

// Structure bounds what a request may ask for beside text. A zero field takes the default.
type Structure struct {
	// Vocabulary is the number of token ids of the model. Where it is 0, the default, fields that name tokens (stop, allowed
	// and bad ones) are refused, and keys of logit_bias are not compared with it: an id outside of it makes engines write
	// into other requests' memory.
	Vocabulary int64 `json:"vocabulary" validate:"min=0,max=16777216"`
	// MaxChoices is the largest "n" and "best_of"; default 8.
	MaxChoices int64 `json:"max_choices" validate:"min=1,max=128"`
	// MaxLogprobs is how many alternatives of a token may be asked for; default 5. They are never given together with
	// logit_bias: the two read a model's last layer out. -1 refuses all log probabilities.
	MaxLogprobs int64 `json:"max_logprobs" validate:"min=-1,max=20"`
	// LogprobStep is the step that log probabilities are rounded to; default 0.1.
	LogprobStep float64 `json:"logprob_step" validate:"min=0.001,max=10"`
	// MaxGrammarBytes is how large what answers must match may be, all patterns, grammars and schemas of a request together, as JSON;
	// default 65,536. Schemas of tools are not counted: they are definitions, and part of the body.
	MaxGrammarBytes int64 `json:"max_grammar_bytes" validate:"min=1,max=67108864"`
	// MaxRepeats is how many repetitions their counts may come to, those of tools included: "a{100}" and "maxItems": 100 are 100, within
	// each other 10,000; default 10,000. Backends compile them, and some write them out.
	MaxRepeats int64 `json:"max_repeats" validate:"min=1,max=1000000000"`
	// UnitEmbeddings says that embeddings must have a norm of 1, to 1 in 100. Whatever it says, all must be finite and none zero: an angle to one that is not a number,
	// and finds its way into every search of the index that it is put into.
	UnitEmbeddings bool `json:"unit_embeddings,omitempty"`
}

func (s Structure) withDefaults() Structure {
	s.MaxChoices = or(s.MaxChoices, 8)
	s.MaxLogprobs = or(s.MaxLogprobs, 5)
	s.LogprobStep = or(s.LogprobStep, 0.1)
	s.MaxGrammarBytes = or(s.MaxGrammarBytes, 64<<10)
	s.MaxRepeats = or(s.MaxRepeats, 10_000)
	return s
}
