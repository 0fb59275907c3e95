package tensor_test

import (
	"errors"
	"image"
	"image/color"
	"math"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/tensor"
)

func pixelSpec() *tensor.Spec {
	return &tensor.Spec{
		DTypes: []tensor.DType{tensor.U8}, Dims: []tensor.Range{{Min: 1, Max: 64}, {Min: 1, Max: 64}, {Min: 1, Max: 4}},
		MaxElements: 64 * 64 * 4, Strided: true, Ints: &tensor.Range{Min: 0, Max: 200},
	}
}

func TestImagesAreCheckedAsTheyAreSeen(t *testing.T) {
	m := image.NewNRGBA(image.Rect(0, 0, 8, 6))
	m.Set(7, 5, color.NRGBA{R: 255, A: 100}) // outside the part below
	part := m.SubImage(image.Rect(2, 1, 6, 4)).(*image.NRGBA)
	v, err := tensor.FromImage("x", part)
	if err != nil || v.Shape[0] != 3 || v.Shape[1] != 4 || v.Shape[2] != 4 {
		t.Fatal(v.Shape, err)
	}
	if err := pixelSpec().Check(v); err != nil {
		t.Fatal(err)
	}
	m.Set(5, 3, color.NRGBA{B: 255, A: 100}) // its last pixel
	if e, ok := errors.AsType[*tensor.Error](pixelSpec().Check(v)); !ok || e.Index != 3*4*4-2 {
		t.Error(e)
	}
}

func TestImagesThatLie(t *testing.T) {
	for name, m := range map[string]image.Image{
		"fewer pixels than its size": &image.Gray{Pix: make([]byte, 10), Stride: 4, Rect: image.Rect(0, 0, 4, 4)},
		"stride beyond the pixels":   &image.RGBA{Pix: make([]byte, 64), Stride: math.MaxInt32, Rect: image.Rect(0, 0, 4, 4)},
		"negative stride":            &image.RGBA{Pix: make([]byte, 64), Stride: -16, Rect: image.Rect(0, 0, 4, 4)},
		"negative size":              &image.Gray{Pix: make([]byte, 64), Stride: 4, Rect: image.Rectangle{image.Pt(4, 4), image.Pt(0, 0)}},
		"paletted":                   image.NewPaletted(image.Rect(0, 0, 4, 4), color.Palette{color.Black}),
		"16 bits":                    image.NewGray16(image.Rect(0, 0, 4, 4)),
		"nothing":                    nil,
	} {
		v, err := tensor.FromImage("x", m)
		if err == nil {
			err = pixelSpec().Check(v)
		}
		if !errors.Is(err, tensor.ErrTensor) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every sample that image.YCbCr.At uses is in the planes, and their size is right: the last sample is found.
func TestPlanes(t *testing.T) {
	for _, ratio := range []image.YCbCrSubsampleRatio{image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420, image.YCbCrSubsampleRatio440} {
		for _, r := range []image.Rectangle{image.Rect(0, 0, 7, 5), image.Rect(3, 1, 8, 6)} {
			m := image.NewYCbCr(image.Rect(0, 0, 8, 8), ratio).SubImage(r).(*image.YCbCr)
			planes, err := tensor.FromYCbCr("x", m)
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range planes {
				if err := pixelSpec().Check(v); err != nil {
					t.Fatal(ratio, r, i, err)
				}
			}
			m.Cb[m.COffset(r.Max.X-1, r.Max.Y-1)] = 255
			if e, ok := errors.AsType[*tensor.Error](pixelSpec().Check(planes[1])); !ok || e.Index != planes[1].Shape[0]*planes[1].Shape[1]-1 {
				t.Error(ratio, r, e)
			}
		}
	}
	if _, err := tensor.FromYCbCr("x", nil); !errors.Is(err, tensor.ErrTensor) {
		t.Error(err)
	}
	if _, err := tensor.FromYCbCr("x", image.NewYCbCr(image.Rect(0, 0, 8, 8), image.YCbCrSubsampleRatio410)); !errors.Is(err, tensor.ErrTensor) {
		t.Error(err)
	}
}
