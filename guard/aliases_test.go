package guard_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
)

// Servers that hand headers on as environment variables (CGI, WSGI) take "_" for "-", and some take the path, or the method, from a
// header: what frames or routes a request there must be what the guard has looked at.
func TestHeadersOfAnotherName(t *testing.T) {
	g := newGuard(t, all())
	for name, ok := range map[string]bool{
		"Content_Length": false, "Content_Type": false, "Content_Encoding": false, "Transfer_Encoding": false, "transfer_Encoding": false, "Transfer-encoding_": true,
		"X_Http_Method_Override": false, "X-HTTP_Method-Override": false, "X_Http_Method": false, "Inference_Header_Content_Length": false, "Upgrade_": true, "Connection_": true, "Up_grade": true,
		"X-Original-Url": false, "X-Rewrite-Url": false, "X_Original_URL": false, "X-Original-Uri": true, "X-Forwarded-Uri": true,
		"X_Api_Key": true, "X-Request-Id": true, "Expect_": true, "Host_": true, "Te": true,
	} {
		for _, k := range []guard.Kind{guard.KindChat, guard.KindInfer} {
			up := &guardtest.Upstream{Body: "{}"}
			r := httptest.NewRequest("POST", strings.Replace(guard.Routes(k)[0].Path, "*", "m", 1), strings.NewReader(asks[k]))
			r.Header.Set("Content-Type", "application/json")
			r.Header[name] = []string{"7"}
			w := httptest.NewRecorder()
			if g.Handler(up).ServeHTTP(w, r); (w.Code == 200) != ok || (up.Ran() == 1) != ok {
				t.Errorf("%s: %s: %d, the upstream ran %d times", k, name, w.Code, up.Ran())
			}
		}
	}
}
