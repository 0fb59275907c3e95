//go:build !noasm

#include "textflag.h"

#define BYTES(name, b) \
	DATA  name<>+0(SB)/8, $(b*0x0101010101010101); \
	GLOBL name<>(SB), RODATA|NOPTR, $8

BYTES(one, 1)
BYTES(nine, 9)
BYTES(twentyFive, 25)
BYTES(blank, 0x20)
BYTES(digit0, 0x30)
BYTES(upperA, 0x41)
BYTES(lowerA, 0x61)

// WITHIN flags the bytes of x from those of low on, of which there are one more than last says.
#define WITHIN(x, low, last, flags, t) \
	VPSUBB   low, x, t;         \
	VPMINUB  last, t, flags;    \
	VPCMPEQB flags, t, flags

// func lowerWords(dst, text *byte, steps int, before, wordBefore uint32) (done int)
//
// A step takes 28 bytes and looks at the four behind them. All of them are written, also in the step that stops in front of one.
TEXT ·lowerWords(SB), NOSPLIT, $0-40
	MOVQ         dst+0(FP), DI
	MOVQ         text+8(FP), SI
	MOVQ         steps+16(FP), CX
	MOVL         before+24(FP), R8
	MOVL         wordBefore+28(FP), R9
	XORL         AX, AX
	VPBROADCASTQ one<>(SB), Y8
	VPBROADCASTQ nine<>(SB), Y9
	VPBROADCASTQ twentyFive<>(SB), Y10
	VPBROADCASTQ blank<>(SB), Y11
	VPBROADCASTQ digit0<>(SB), Y12
	VPBROADCASTQ upperA<>(SB), Y13
	VPBROADCASTQ lowerA<>(SB), Y14

step:
	VMOVDQU   (SI), Y0
	VPADDB    Y8, Y0, Y1
	VPOR      Y0, Y1, Y1
	VPMOVMSKB Y1, BX
	WITHIN(Y0, Y13, Y10, Y2, Y3)
	VPAND     Y11, Y2, Y2
	VPOR      Y2, Y0, Y0
	VPMAXUB   Y11, Y0, Y0 // controls are white space
	VPCMPEQB  Y11, Y0, Y1
	VPMOVMSKB Y1, R10 // spaces
	WITHIN(Y0, Y14, Y10, Y2, Y3)
	WITHIN(Y0, Y12, Y9, Y4, Y5)
	VPOR      Y4, Y2, Y2
	VPMOVMSKB Y2, R11 // letters and digits

	// White space behind white space.
	LEAL (R8)(R10*2), DX
	ANDL R10, DX
	ORL  DX, BX

	// A letter alone, and another alone two places on.
	LEAL (R9)(R11*2), DX
	MOVL R11, R12
	SHRL $1, R12
	ORL  R12, DX
	NOTL DX
	ANDL R11, DX
	SHRL $1, R12
	ANDL R12, DX
	SHRL $1, R12
	NOTL R12
	ANDL R12, DX
	ORL  DX, BX

	VMOVDQU      X0, (DI)
	VEXTRACTI128 $1, Y0, X0
	VMOVQ        X0, 16(DI)
	VPEXTRD      $2, X0, 24(DI)
	SHLL         $4, BX // of 28 bytes
	JNZ          stop
	SHRL         $27, R10
	SHRL         $27, R11
	ANDL         $1, R10
	ANDL         $1, R11
	MOVL         R10, R8
	MOVL         R11, R9
	ADDQ         $28, SI
	ADDQ         $28, DI
	ADDQ         $28, AX
	DECQ         CX
	JNZ          step
	JMP          done

stop:
	BSFL BX, BX
	LEAQ -4(AX)(BX*1), AX

done:
	MOVQ AX, done+32(FP)
	VZEROUPPER
	RET

BYTES(dot, 0x2e)
BYTES(bang, 0x21)
BYTES(ask, 0x3f)
BYTES(colon, 0x3a)
BYTES(nibble, 0x0f)
BYTES(sign, 0x80)

// func unitsOf(units *uint16, text *byte, chunks int) (n int)
TEXT ·unitsOf(SB), NOSPLIT, $0-32
	MOVQ         units+0(FP), DI
	MOVQ         text+8(FP), SI
	MOVQ         chunks+16(FP), CX
	SHLQ         $4, CX
	XORL         AX, AX
	VPBROADCASTQ colon<>(SB), X5
	VPBROADCASTQ dot<>(SB), X6
	VPBROADCASTQ bang<>(SB), X7
	VPBROADCASTQ ask<>(SB), X8
	VPBROADCASTQ nine<>(SB), X9
	VPBROADCASTQ twentyFive<>(SB), X10
	VPBROADCASTQ blank<>(SB), X11
	VPBROADCASTQ digit0<>(SB), X12
	VPBROADCASTQ nibble<>(SB), X13
	VPBROADCASTQ lowerA<>(SB), X14
	VPBROADCASTQ sign<>(SB), X15

chunk:
	VMOVDQU    (SI)(AX*1), X0
	VPCMPEQB   X0, X5, X1
	VPCMPEQB   X0, X6, X2
	VPCMPEQB   X0, X7, X3
	VPCMPEQB   X0, X8, X4
	VPOR       X1, X2, X1
	VPOR       X3, X4, X3
	VPOR       X0, X1, X1
	VPOR       X3, X1, X1
	VPMOVMSKB  X1, BX // what may end a sentence, or is not ASCII
	VPOR       X11, X0, X1
	WITHIN(X1, X14, X10, X1, X2)
	WITHIN(X0, X12, X9, X3, X2)
	VPOR       X1, X3, X1
	VPAND      X15, X1, X1 // letters and digits
	VPAND      X13, X3, X3
	VPANDN     X0, X3, X0 // digits are all alike
	VPUNPCKLBW X1, X0, X2
	VPUNPCKHBW X1, X0, X3
	VMOVDQU    X2, (DI)(AX*2)
	VMOVDQU    X3, 16(DI)(AX*2)
	TESTL      BX, BX
	JNZ        stop
	ADDQ       $16, AX
	CMPQ       AX, CX
	JB         chunk
	MOVQ       AX, n+24(FP)
	RET

stop:
	BSFL BX, BX
	ADDQ BX, AX
	MOVQ AX, n+24(FP)
	RET

DATA  halves<>+0(SB)/8, $0x8040201008040201
DATA  halves<>+8(SB)/8, $0
GLOBL halves<>(SB), RODATA|NOPTR, $16

// MASK flags the bytes at off(SI) that are in a set: a bit for the high half is among those of the low half.
#define MASK(off, low, other, out) \
	VMOVDQU   off(SI), Y0;    \
	VPAND     Y0, Y13, Y1;    \
	VPSHUFB   Y1, low, Y1;    \
	VPSRLW    $4, Y0, Y2;     \
	VPAND     Y2, Y13, Y2;    \
	VPSHUFB   Y2, Y15, Y2;    \
	VPAND     Y1, Y2, Y1;     \
	VPCMPEQB  Y1, Y2, Y1;     \
	VPANDN    Y1, Y0, Y1;     \
	VPAND     Y0, other, Y0;  \
	VPOR      Y0, Y1, Y1;     \
	VPMOVMSKB Y1, out

// func masksOf(a, b, c *byteRows, text *byte) (inA, inB, inC uint64)
TEXT ·masksOf(SB), NOSPLIT, $0-56
	MOVQ           a+0(FP), AX
	MOVQ           b+8(FP), BX
	MOVQ           c+16(FP), CX
	MOVQ           text+24(FP), SI
	VPBROADCASTQ   nibble<>(SB), Y13
	VBROADCASTI128 halves<>(SB), Y15
	VBROADCASTI128 (AX), Y3
	VPBROADCASTB   16(AX), Y4
	VBROADCASTI128 (BX), Y5
	VPBROADCASTB   16(BX), Y6
	VBROADCASTI128 (CX), Y7
	VPBROADCASTB   16(CX), Y8
	MASK(32, Y3, Y4, AX)
	MASK(32, Y5, Y6, BX)
	MASK(32, Y7, Y8, CX)
	SHLQ           $32, AX
	SHLQ           $32, BX
	SHLQ           $32, CX
	MASK(0, Y3, Y4, DI)
	MASK(0, Y5, Y6, R8)
	MASK(0, Y7, Y8, R9)
	ORQ            DI, AX
	ORQ            R8, BX
	ORQ            R9, CX
	MOVQ           AX, inA+32(FP)
	MOVQ           BX, inB+40(FP)
	MOVQ           CX, inC+48(FP)
	VZEROUPPER
	RET

// func maskOf(a *byteRows, text *byte) uint64
TEXT ·maskOf(SB), NOSPLIT, $0-24
	MOVQ           a+0(FP), DI
	MOVQ           text+8(FP), SI
	VPBROADCASTQ   nibble<>(SB), Y13
	VBROADCASTI128 halves<>(SB), Y15
	VBROADCASTI128 (DI), Y14
	VPBROADCASTB   16(DI), Y12
	MASK(0, Y14, Y12, AX)
	MASK(32, Y14, Y12, BX)
	SHLQ           $32, BX
	ORQ            BX, AX
	MOVQ           AX, ret+16(FP)
	VZEROUPPER
	RET
