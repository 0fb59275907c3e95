package guard

import (
	"errors"
	"net/http"

	"github.com/holdfast-ai/holdfast/guard/api"
	"github.com/holdfast-ai/holdfast/guard/tensor"
	"github.com/holdfast-ai/holdfast/guard/tensor/kserve"
)

// WithTensorSpecs holds the inputs of every inference request against s, as [tensor.OpenSpecs] gave it for the model that is
// served: an input that is missing, unknown, of another shape or type, or has values that s does not allow is refused with
// status 400. Nil, and the zero Specs, refuse every inference request. Answers are for [WithTensors].
func WithTensorSpecs(s *tensor.Specs) Option {
	if s == nil {
		s = new(tensor.Specs)
	}
	return func(o *options) { o.specs = s }
}

// inputs checks the tensors of a request, which agree with their shapes. Binary ones are views into the body.
func inputs(s *tensor.Specs, ts []api.Tensor) *Rejection {
	views := make([]tensor.View, 0, len(ts))
	left := int64(kserve.MaxElements)
	for i := range ts {
		in := &ts[i]
		dtype, ok := kserve.DType(in.Datatype)
		if !ok {
			return refuse("inputs", "datatype")
		}
		v := tensor.View{Name: in.Name, DType: dtype, Shape: in.Shape, Data: in.Raw}
		if in.JSON != nil {
			var err error
			if v.Data, err = kserve.AppendJSON(nil, in.Datatype, in.Shape, in.JSON, left); err != nil {
				return badTensor(err)
			}
			left -= in.Elements
		}
		views = append(views, v)
	}
	err := s.Check(views)
	if e, ok := errors.AsType[*tensor.Error](err); ok {
		bare := *e
		if bare.Reason == tensor.ReasonName {
			bare.Name = "" // the caller's word
		}
		return badTensor(&bare)
	}
	if err != nil {
		return internal(err)
	}
	return nil
}

func badTensor(err error) *Rejection {
	return &Rejection{Code: CodeInvalid, Status: http.StatusBadRequest, Param: "inputs", Err: err}
}
