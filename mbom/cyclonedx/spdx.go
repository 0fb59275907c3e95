package cyclonedx

import "strings"

// SPDX returns the identifier of the SPDX licence list that text is, whatever its case, or "" where it is none of those
// that model cards use.
func SPDX(text string) string {
	for _, id := range []string{
		"Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "BSD-3-Clause-Clear", "BSL-1.0", "ISC", "Unlicense", "WTFPL", "Zlib", "0BSD",
		"GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later", "LGPL-2.1-only", "LGPL-3.0-only", "AGPL-3.0-only", "AGPL-3.0-or-later",
		"MPL-2.0", "EPL-1.0", "EPL-2.0", "EUPL-1.1", "EUPL-1.2", "AFL-3.0", "ECL-2.0", "MS-PL", "NCSA", "OFL-1.1", "OSL-3.0", "PostgreSQL", "Artistic-2.0",
		"CC0-1.0", "CC-BY-2.0", "CC-BY-2.5", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0", "CC-BY-NC-2.0", "CC-BY-NC-3.0", "CC-BY-NC-4.0",
		"CC-BY-ND-4.0", "CC-BY-NC-ND-3.0", "CC-BY-NC-ND-4.0", "CC-BY-NC-SA-2.0", "CC-BY-NC-SA-3.0", "CC-BY-NC-SA-4.0", "PDDL-1.0", "ODC-By-1.0", "ODbL-1.0",
		"CDLA-Permissive-1.0", "CDLA-Permissive-2.0", "CDLA-Sharing-1.0", "GFDL-1.3-only", "LPPL-1.3c",
	} {
		if strings.EqualFold(id, text) {
			return id
		}
	}
	return ""
}
