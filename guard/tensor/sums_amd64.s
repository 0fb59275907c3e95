//go:build !noasm

#include "textflag.h"

// Sixteen bytes: cut the signs off, add room, and keep what carried into them.
#define CHECK(off, x, sum) \
	MOVOU off(SI), x; \
	PAND  X14, x;     \
	PADDQ X15, x;     \
	POR   x, sum

// func sumsSSE2(b *byte, blocks int, mag, room uint64) uint64
//
// SSE2 alone, which every amd64 processor has. Lanes of 64 bits serve all element sizes, as they do in sums: no sum carries
// out of its lane.
TEXT ·sumsSSE2(SB), NOSPLIT, $0-40
	MOVQ       b+0(FP), SI
	MOVQ       blocks+8(FP), CX
	MOVQ       mag+16(FP), X14
	MOVQ       room+24(FP), X15
	PUNPCKLQDQ X14, X14
	PUNPCKLQDQ X15, X15
	PXOR       X0, X0
	PXOR       X1, X1
	PXOR       X2, X2
	PXOR       X3, X3
	TESTQ      CX, CX
	JLE        done

loop:
	CHECK(0, X4, X0)
	CHECK(16, X5, X1)
	CHECK(32, X6, X2)
	CHECK(48, X7, X3)
	CHECK(64, X8, X0)
	CHECK(80, X9, X1)
	CHECK(96, X10, X2)
	CHECK(112, X11, X3)
	ADDQ $128, SI
	DECQ CX
	JNZ  loop

done:
	POR   X1, X0
	POR   X3, X2
	POR   X2, X0
	MOVO  X0, X1
	PSRLO $8, X1
	POR   X1, X0
	MOVQ  X0, ret+32(FP)
	RET
