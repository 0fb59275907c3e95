package main

import (
	"context"
	"io/fs"

	"github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/mbom"
	"github.com/holdfast-ai/holdfast/sign"
)

// modelAttacks are faults in what is published or stored: each loads a directory in which one thing was changed, and its
// twin the same directory without that change.
func (d *demo) modelAttacks(ctx context.Context) []attack {
	cfg := d.policy // plain directories, no platform
	whole := func() error { return load(ctx, cfg, d.release.plain) }
	stored := func(name, label, expected string, is func(error) bool, edit func(string) error) attack {
		return attack{name: name, link: "sign", expected: expected, is: is, twin: whole, run: func() error {
			dir, err := tampered(d.release.plain, label, edit)
			if err != nil {
				return err
			}
			return load(ctx, cfg, dir)
		}}
	}
	sealed := func(name, label, expected string, is func(error) bool, edit func(string) func(string) error) attack {
		c := cfg
		c.Key = heldKey{d.release.keyset}
		return attack{name: name, link: "crypto/seal", expected: expected, is: is,
			twin: func() error { return load(ctx, c, d.release.sealed) },
			run: func() error {
				blob, err := largest(d.release.sealed)
				if err != nil {
					return err
				}
				dir, err := tampered(d.release.sealed, label, edit(blob))
				if err != nil {
					return err
				}
				return load(ctx, c, dir)
			}}
	}
	// published signs and inventories a changed model properly: only policy can refuse it.
	published := func(name, link, label, expected string, is func(error) bool, p *publisher, edit, twin func(string) error) attack {
		try := func(p *publisher, label string, edit func(string) error) error {
			r, err := p.publish(ctx, label, d.source, edit)
			if err != nil {
				return err
			}
			return load(ctx, cfg, r.plain)
		}
		return attack{name: name, link: link, expected: expected, is: is,
			run:  func() error { return try(p, label, edit) },
			twin: func() error { return try(d.publisher, label+"-twin", twin) },
		}
	}
	older, newer := d.release.version-1, d.release.version+1
	attacks := []attack{
		stored("flipped weight bit", "flipped", "sign.ErrMismatch", is(sign.ErrMismatch), flipBit(d.weights)),
		sealed("flipped bit of sealed weights", "flipped.sealed", "seal.ErrAuth", is(seal.ErrAuth), flipBit),
		stored("truncated file", "truncated", "sign.ErrMismatch", is(sign.ErrMismatch), truncate(d.weights)),
		sealed("truncated sealed file", "truncated.sealed", "seal.ErrTruncated", is(seal.ErrTruncated), truncate),
		d.extraFile(ctx, cfg),
		stored("renamed file", "renamed", "sign.ErrMissing", is(sign.ErrMissing), rename(d.weights)),
		published("older version", "sign", "older", "sign.ErrVersion", is(sign.ErrVersion),
			d.publisher, setCard("version", older), setCard("version", newer)),
		published("other model signed by the same key", "sign", "other", "sign.ErrPolicy", is(sign.ErrPolicy),
			d.publisher, setCard("name", "harbor-other"), setCard("display", "Another display name")),
		published("wrong key", "sign", "stranger", "sign.ErrSignature", is(sign.ErrSignature), d.stranger, nil, nil),
		published("unsafe pickle", "mbom", "pickle", "mbom.ErrPolicy (Formats)", refusedField("Formats"),
			d.publisher, addPickle, addText),
	}
	if d.template != "" {
		attacks = append(attacks,
			stored("swapped chat template", "template", "sign.ErrMismatch", is(sign.ErrMismatch), d.swapTemplate),
			published("swapped chat template, signed again", "mbom", "template-signed", "mbom.ErrPolicy (Templates)", refusedField("Templates"),
				d.publisher, d.swapTemplate, nil))
	} else {
		d.report.leaveOut("swapped chat template", "the model has none")
	}
	if d.float != nil {
		attacks = append(attacks, published("NaN tensor", "mbom", "nan", "mbom.ErrPolicy (NaN in a tensor)", refusedValue, d.publisher,
			d.setWeight(d.float.nan), d.setWeight(d.float.half)))
	} else {
		d.report.leaveOut("NaN tensor", "all weights are quantised")
	}
	return attacks
}

// extraFile puts a file beside the signed ones, which then does not exist for the engine.
func (d *demo) extraFile(ctx context.Context, cfg holdfast.Config) attack {
	open := func(name string) func() error {
		return func() error {
			dir, err := tampered(d.release.plain, "extra", addText)
			if err != nil {
				return err
			}
			return with(ctx, cfg, dir, func(c *holdfast.Chain) error {
				_, err := fs.ReadFile(c.Model(), name)
				return err
			})
		}
	}
	return attack{name: "extra file", link: "sign", expected: "sign.ErrNotSigned", is: is(sign.ErrNotSigned),
		run: open("NOTES.md"), twin: open("holdfast.json")}
}

// refusedField expects the bill of materials' policy to refuse for one field.
func refusedField(field string) func(error) bool {
	return func(err error) bool {
		e, ok := asType[*mbom.PolicyError](err)
		return ok && e.Field == field
	}
}

// refusedValue expects the weight policy to refuse a value.
func refusedValue(err error) bool {
	e, ok := asType[*mbom.ValueError](err)
	return ok && e.Field == "Finite"
}
