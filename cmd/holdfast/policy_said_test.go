package main

import (
	"errors"
	"strings"
	"testing"
)

// A field of a policy that was written and says nothing is at fault: a template whose variable is not set must not open what it guards.
func TestPolicyFieldsSaySomething(t *testing.T) {
	machines := `{"products": ["Genoa"], "measurements": ["` + strings.Repeat("1", 96) + `"]`
	for field, ok := range map[string]bool{
		`"refuse_smt": true`: true, `"refuse_smt": null`: false, `"require_revocation_list": null`: false, `"vmpl": null`: false, `"min_guest_svn": null`: false,
		`"host_data": "` + strings.Repeat("0", 64) + `"`: true, `"host_data": ""`: false, `"family_id": ""`: false, `"image_id": ""`: false, `"host_data": null`: false,
		`"chip_ids": []`: true, `"chip_ids": null`: false, `"min_tcb": null`: false, `"min_tcb": {"Genoa": null}`: false, `"csps": [""]`: false, `"csps": [null]`: false,
	} {
		text := []byte(`{"version": 1, "machines": ` + machines + `, ` + field + `}}`)
		if _, _, err := parseRelyingPolicy(text, false); (err == nil) != ok || !ok && !errors.Is(err, errUsage) {
			t.Errorf("relying party: %s: %v", field, err)
		}
		if _, err := parseKeyPolicy(text); (err == nil) != ok || !ok && !errors.Is(err, errUsage) {
			t.Errorf("key server: %s: %v", field, err)
		}
	}
	for field, ok := range map[string]bool{
		`"guard_policies": []`: true, `"guard_policies": null`: false, `"mboms": null`: false, `"max_age": ""`: false, `"configs": null`: false,
		`"models": [{"model_id": "` + strings.Repeat("1", 64) + `", "name": ""}]`: false, `"models": [{"name": "m", "min_version": null}]`: false,
		`"models": [{"name": "m", "model_id": null}]`: true,
	} {
		if _, _, err := parseRelyingPolicy([]byte(`{"version": 1, "machines": `+machines+`}, `+field+`}`), true); (err == nil) != ok || !ok && !errors.Is(err, errUsage) {
			t.Errorf("%s: %v", field, err)
		}
	}
}
