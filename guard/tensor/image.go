package tensor

import (
	"fmt"
	"image"
)

// FromImage describes the pixels of a decoded image without a copy, as a view of shape [height, width, channels] with
// strides, of type [U8]: pass it to a spec with Strided set. Images that were not decoded are not for this package: look at
// their headers first, since decoding allocates what the header claims.
//
// Gray and Alpha have one channel, RGBA and NRGBA four, CMYK four. Other kinds are refused: the samples of 16-bit images
// are big-endian, those of YCbCr images lie in planes (see [FromYCbCr]), and those of paletted ones are indices.
// Errors: [ErrTensor].
func FromImage(name string, img image.Image) (View, error) {
	switch m := img.(type) {
	case *image.Gray:
		return pixels(name, m.Pix, m.Stride, m.Rect, 1)
	case *image.Alpha:
		return pixels(name, m.Pix, m.Stride, m.Rect, 1)
	case *image.RGBA:
		return pixels(name, m.Pix, m.Stride, m.Rect, 4)
	case *image.NRGBA:
		return pixels(name, m.Pix, m.Stride, m.Rect, 4)
	case *image.CMYK:
		return pixels(name, m.Pix, m.Stride, m.Rect, 4)
	}
	return View{}, fmt.Errorf("%w: image of type %T", ErrTensor, img)
}

// FromYCbCr describes the three planes of an image as most JPEG files hold them. With subsampling the planes of Cb and Cr
// are smaller. Errors: [ErrTensor].
func FromYCbCr(name string, img *image.YCbCr) (planes [3]View, err error) {
	if img == nil {
		return planes, fmt.Errorf("%w: no image", ErrTensor)
	}
	r, small := img.Rect, img.Rect
	switch img.SubsampleRatio { // chroma samples cover pixels from the origin of the plane, not of the image
	case image.YCbCrSubsampleRatio444:
	case image.YCbCrSubsampleRatio422:
		small.Min.X, small.Max.X = r.Min.X/2, (r.Max.X+1)/2
	case image.YCbCrSubsampleRatio420:
		small.Min.X, small.Max.X = r.Min.X/2, (r.Max.X+1)/2
		small.Min.Y, small.Max.Y = r.Min.Y/2, (r.Max.Y+1)/2
	case image.YCbCrSubsampleRatio440:
		small.Min.Y, small.Max.Y = r.Min.Y/2, (r.Max.Y+1)/2
	default:
		return planes, fmt.Errorf("%w: subsampling", ErrTensor)
	}
	for i, p := range []struct {
		pix    []byte
		stride int
		rect   image.Rectangle
	}{{img.Y, img.YStride, r}, {img.Cb, img.CStride, small}, {img.Cr, img.CStride, small}} {
		if planes[i], err = pixels(name, p.pix, p.stride, p.rect, 1); err != nil {
			return [3]View{}, err
		}
	}
	return planes, nil
}

func pixels(name string, pix []byte, stride int, r image.Rectangle, channels int64) (View, error) {
	if r.Max.X < r.Min.X || r.Max.Y < r.Min.Y || stride < 0 {
		return View{}, fmt.Errorf("%w: image of negative size", ErrTensor)
	}
	return View{
		Name: name, DType: U8, Data: pix,
		Shape:   []int64{int64(r.Dy()), int64(r.Dx()), channels},
		Strides: []int64{int64(stride), channels, 1},
	}, nil
}
