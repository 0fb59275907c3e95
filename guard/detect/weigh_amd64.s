//go:build !noasm

#include "textflag.h"

// VISIT writes entry k where the n-gram was, and enters the time. DI holds entries and R8 the time. No entry is waited for: what it says is summed up later.
#define VISIT(k, to, t) \
	MOVL    (DI)(k*4), t; \
	MOVL    t, to;        \
	MOVBLZX t, t;         \
	ADDL    R8, t;        \
	MOVL    t, (DI)(k*4)

// func visitHashes(entries *table, now uint32, grams *uint32, n int)
TEXT ·visitHashes(SB), NOSPLIT, $0-32
	MOVQ entries+0(FP), DI
	MOVL now+8(FP), R8
	MOVQ grams+16(FP), SI
	MOVQ n+24(FP), CX
	LEAQ (SI)(CX*4), CX

hash:
	MOVL (SI), AX
	SHRL $14, AX
	VISIT(AX, (SI), BX)
	ADDQ $4, SI
	CMPQ SI, CX
	JB   hash
	RET

// func visitUnits(entries *table, now uint32, units *uint16, n int, gram uint64, grams *uint32) (last uint64)
//
// AX holds the last three units from bit 28 on, so that rotations alone make n-grams of it: with the next unit from bit 16 on it is the one
// of four, and twelve bits further up the one of three.
TEXT ·visitUnits(SB), NOSPLIT, $0-56
	MOVQ entries+0(FP), DI
	MOVL now+8(FP), R8
	MOVQ units+16(FP), SI
	MOVQ n+24(FP), CX
	LEAQ (SI)(CX*2), CX
	MOVQ gram+32(FP), AX
	MOVQ grams+40(FP), DX
	SHLQ $28, AX
	MOVQ $0xb7e151628aed2a6b, R9  // mul4
	MOVQ $0x243f6a8885a308d3, R11 // mul3

unit:
	MOVL  -2(SI), BX
	ANDL  $0x0fff0000, BX // twelve bits of the unit, and the one before cut off
	ORQ   BX, AX
	RORXQ $16, AX, R12
	SHLQ  $12, AX
	RORXQ $28, AX, R13
	IMULQ R9, R12
	IMULQ R11, R13
	SHRQ  $46, R12
	SHRQ  $46, R13
	VISIT(R13, (DX), R10)
	VISIT(R12, 4(DX), BX)
	ADDQ  $2, SI
	ADDQ  $8, DX
	CMPQ  SI, CX
	JB    unit
	SHRQ  $28, AX
	MOVQ  AX, last+48(FP)
	RET

#define DWORDS(name, d) \
	DATA  name<>+0(SB)/4, $(d); \
	GLOBL name<>(SB), RODATA|NOPTR, $4

DWORDS(weightMask, 255)
DWORDS(oneMore, 1<<16)
DWORDS(age1, 1*3-1) // widths[0]*ticksPerBlock-1
DWORDS(age3, 3*3-1)
DWORDS(age6, 6*3-1)

// COUNT adds weights and ones of the entries that are older than age.
#define COUNT(age, to) \
	VPCMPGTD age, Y1, Y2; \
	VPAND    Y0, Y2, Y2;  \
	VPADDD   Y2, to, to

// SPLIT takes weights and ones apart.
#define SPLIT(weights, ones) \
	VPSRLD $16, weights, ones;  \
	VPSLLD $16, weights, weights; \
	VPSRLD $16, weights, weights

// func sumEntries(entries *uint32, eights int, now uint32, out *sum)
//
// Each of eight lanes has weights in its low half and ones in its high half: maxGrams/8 bytes and as many ones fit.
TEXT ·sumEntries(SB), NOSPLIT, $0-32
	MOVQ         entries+0(FP), SI
	MOVQ         eights+8(FP), CX
	MOVL         now+16(FP), AX
	VMOVD        AX, X8
	VPBROADCASTD X8, Y8
	MOVQ         out+24(FP), DI
	VPBROADCASTD weightMask<>(SB), Y9
	VPBROADCASTD oneMore<>(SB), Y10
	VPBROADCASTD age1<>(SB), Y11
	VPBROADCASTD age3<>(SB), Y12
	VPBROADCASTD age6<>(SB), Y13
	VPXOR        Y3, Y3, Y3
	VPXOR        Y4, Y4, Y4
	VPXOR        Y5, Y5, Y5

eight:
	VMOVDQU (SI), Y0
	VPSUBD  Y0, Y8, Y1
	VPSRLD  $8, Y1, Y1 // age in ticks
	VPAND   Y9, Y0, Y0
	VPOR    Y10, Y0, Y0
	COUNT(Y11, Y3)
	COUNT(Y12, Y4)
	COUNT(Y13, Y5)
	ADDQ    $32, SI
	DECQ    CX
	JNZ     eight

	SPLIT(Y3, Y0)
	SPLIT(Y4, Y1)
	SPLIT(Y5, Y2)
	VPHADDD      Y4, Y3, Y3 // of weights of the first and the second width
	VPHADDD      Y0, Y5, Y5 // of weights of the third, and ones of the first
	VPHADDD      Y2, Y1, Y1
	VPHADDD      Y5, Y3, Y3
	VPHADDD      Y1, Y1, Y1
	VEXTRACTI128 $1, Y3, X4
	VEXTRACTI128 $1, Y1, X2
	VPADDD       X4, X3, X3
	VPADDD       X2, X1, X1
	VMOVDQU      X3, (DI)
	VMOVQ        X1, 16(DI)
	VZEROUPPER
	RET
