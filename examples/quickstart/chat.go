package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
)

// A refusedError is an answer of the guard in OpenAI's error form.
type refusedError struct {
	Status int
	Type   string
	Code   string
}

func (e *refusedError) Error() string { return fmt.Sprintf("HTTP %d %s: %s", e.Status, e.Type, e.Code) }

// status expects a refusal with one HTTP status.
func status(want int) func(error) bool {
	return func(err error) bool {
		r, ok := errors.AsType[*refusedError](err)
		return ok && r.Status == want && r.Code != ""
	}
}

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

func chatBody(model string, stream bool, messages ...message) []byte {
	b, err := json.Marshal(map[string]any{
		"model": model, "messages": messages, "stream": stream, "max_tokens": 64, "temperature": 0,
	})
	if err != nil {
		panic("quickstart: internal error: " + err.Error())
	}
	return b
}

// post sends a chat request and returns the answer, with the body not read.
func post(ctx context.Context, c *http.Client, url string, body []byte, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Content-Type", "application/json")
	res, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	defer res.Body.Close()
	var doc struct {
		Error struct {
			Type string `json:"type"`
			Code string `json:"code"`
		} `json:"error"`
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("HTTP %d without an error document: %w", res.StatusCode, err)
	}
	return nil, &refusedError{Status: res.StatusCode, Type: doc.Error.Type, Code: doc.Error.Code}
}

// ask sends a plain chat request and returns the answer's text.
func ask(ctx context.Context, c *http.Client, url string, body []byte) (string, error) {
	res, err := post(ctx, c, url, body, nil)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var doc struct {
		Choices []struct {
			Message message `json:"message"`
		} `json:"choices"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&doc); err != nil {
		return "", err
	}
	if len(doc.Choices) != 1 || doc.Choices[0].Message.Content == "" {
		return "", errors.New("the answer is empty")
	}
	return doc.Choices[0].Message.Content, nil
}

// events reads a streamed answer and returns its text and the number of events; each piece goes to emit as it comes. A stream
// that the guard ended gives a [*refusedError] of status 200, which had gone out before.
func events(r io.Reader, emit func(string)) (string, int, error) {
	var text strings.Builder
	n := 0
	sc := bufio.NewScanner(r)
	for sc.Scan() {
		data, ok := strings.CutPrefix(sc.Text(), "data: ")
		if !ok {
			continue
		}
		if data == "[DONE]" {
			return text.String(), n, nil
		}
		var ev struct {
			Choices []struct {
				Delta message `json:"delta"`
			} `json:"choices"`
			Error *struct {
				Type string `json:"type"`
				Code string `json:"code"`
			} `json:"error"`
		}
		if err := json.Unmarshal([]byte(data), &ev); err != nil {
			return "", n, err
		}
		if ev.Error != nil {
			return "", n, &refusedError{Status: http.StatusOK, Type: ev.Error.Type, Code: ev.Error.Code}
		}
		n++
		for _, c := range ev.Choices {
			text.WriteString(c.Delta.Content)
			emit(c.Delta.Content)
		}
	}
	if err := sc.Err(); err != nil {
		return "", n, err
	}
	return "", n, errors.New("the stream ended before its end marker")
}
