package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// said refuses a policy in which a field was written and says nothing, null or "", as a template does whose variable is not set: what it
// asks for would be left out. Lists may be empty, and null stands for none where a pointer does: model_id and deny_list. text has passed
// strictjson.
func said(text []byte) error {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return err
	}
	if at := silent(v); at != "" {
		return fmt.Errorf("%w: %s says nothing: leave it out where nothing is meant", errUsage, at[1:])
	}
	return nil
}

// silent returns the path of a field that says nothing, such as ".machines.host_data", or "".
func silent(v any) string {
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			if x := v[k]; x == "" || x == nil && k != "model_id" && k != "deny_list" {
				return "." + k
			} else if at := silent(x); at != "" {
				return "." + k + at
			}
		}
	case []any:
		for i, x := range v {
			if x == "" || x == nil {
				return "." + strconv.Itoa(i)
			} else if at := silent(x); at != "" {
				return "." + strconv.Itoa(i) + at
			}
		}
	}
	return ""
}
