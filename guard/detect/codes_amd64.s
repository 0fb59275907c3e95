//go:build !noasm

#include "textflag.h"

DATA  lowHalf<>+0(SB)/8, $0x0f0f0f0f0f0f0f0f
GLOBL lowHalf<>(SB), RODATA|NOPTR, $8

DATA  highHalf<>+0(SB)/8, $0x8040201008040201 // what is not ASCII has none
DATA  highHalf<>+8(SB)/8, $0
GLOBL highHalf<>(SB), RODATA|NOPTR, $16

// HALVES loads 32 bytes at off(SI): their low halves, and a bit for each high half.
#define HALVES(off, low, high) \
	VMOVDQU off(SI), low;         \
	VPSRLW  $4, low, high;        \
	VPAND   low, Y15, low;        \
	VPAND   high, Y15, high;      \
	VPSHUFB high, Y14, high

// OUT flags the bytes that are not in a set.
#define OUT(set, low, high, t, out) \
	VPSHUFB   low, set, t;    \
	VPAND     t, high, t;     \
	VPCMPEQB  t, Y13, t;      \
	VPMOVMSKB t, out

// SET writes the mask of a set.
#define SET(set, at) \
	OUT(set, Y0, Y1, Y4, AX); \
	OUT(set, Y2, Y3, Y5, BX); \
	SHLQ $32, BX;             \
	ORQ  BX, AX;              \
	NOTQ AX;                  \
	MOVQ AX, at(DX)

// func marksOf(m *marks, sets *[5][16]uint8, text *[64]byte)
TEXT ·marksOf(SB), NOSPLIT, $0-24
	MOVQ           m+0(FP), DX
	MOVQ           sets+8(FP), DI
	MOVQ           text+16(FP), SI
	VPXOR          Y13, Y13, Y13
	VBROADCASTI128 highHalf<>(SB), Y14
	VPBROADCASTQ   lowHalf<>(SB), Y15
	HALVES(0, Y0, Y1)
	HALVES(32, Y2, Y3)
	VBROADCASTI128 (DI), Y8
	VBROADCASTI128 16(DI), Y9
	VBROADCASTI128 32(DI), Y10
	VBROADCASTI128 48(DI), Y11
	VBROADCASTI128 64(DI), Y12
	SET(Y8, 0)
	SET(Y9, 8)
	SET(Y10, 16)
	SET(Y11, 24)
	SET(Y12, 32)
	VZEROUPPER
	RET
