//go:build !noasm

#include "textflag.h"

// What all of this file keeps: DI entries, R10 counts, R9 time << 8, R8 time << 8 + 255, R12 weight, R13 ones, R11 the greatest age that
// is told from others.
//
// LOOK reads entry k and enters the time.
#define LOOK(k, e, w, age) \
	MOVL    (DI)(k*4), e;    \
	MOVL    R8, age;         \
	MOVBLZX e, w;            \
	SUBL    e, age;          \
	SHRL    $8, age;         \
	LEAL    (R9)(w*1), e;    \
	CMPL    age, R11;        \
	CMOVLCC R11, age;        \
	MOVL    e, (DI)(k*4);    \
	MOVQ    (R10)(age*8), e; \
	IMULQ   e, w;            \
	ADDQ    e, R13;          \
	ADDQ    w, R12

#define START \
	MOVQ entries+0(FP), DI; \
	MOVQ counts+8(FP), R10; \
	MOVL now+16(FP), R9;    \
	LEAL 255(R9), R8;       \
	MOVL $6, R11;           \
	XORL R12, R12;          \
	XORL R13, R13

// func lookHashes(entries *table, counts *[8]uint64, now uint32, grams *uint32, n int) (weight, ones uint64)
TEXT ·lookHashes(SB), NOSPLIT, $0-56
	START
	MOVQ grams+24(FP), SI
	MOVQ n+32(FP), CX
	LEAQ (SI)(CX*4), CX

hash:
	MOVL (SI), AX
	SHRL $14, AX
	LOOK(AX, BX, DX, R15)
	ADDQ $4, SI
	CMPQ SI, CX
	JB   hash
	MOVQ R12, weight+40(FP)
	MOVQ R13, ones+48(FP)
	RET

// func lookUnits(entries *table, counts *[8]uint64, now uint32, units *uint16, n int, gram uint64) (weight, ones, last uint64)
//
// AX holds the last three units from bit 28 on, so that shifts alone make n-grams of it: with the next unit from bit 16 on it is the one of
// four, and twelve bits further up the one of three.
TEXT ·lookUnits(SB), NOSPLIT, $0-72
	START
	MOVQ units+24(FP), SI
	MOVQ n+32(FP), CX
	LEAQ (SI)(CX*2), CX
	MOVQ gram+40(FP), AX
	SHLQ $28, AX

unit:
	MOVL    -2(SI), BX
	ANDL    $0x0fff0000, BX // twelve bits of the unit, and the one before cut off
	ORQ     BX, AX
	MOVQ    AX, R14
	SHRQ    $16, R14
	SHLQ    $12, AX
	MOVQ    $0xb7e151628aed2a6b, BX // mul4
	IMULQ   BX, R14
	SHRQ    $46, R14
	LOOK(R14, BX, DX, R15)
	MOVQ    AX, R14
	SHRQ    $28, R14
	MOVQ    $0x243f6a8885a308d3, BX // mul3
	IMULQ   BX, R14
	SHRQ    $46, R14
	LOOK(R14, BX, DX, R15)
	ADDQ    $2, SI
	CMPQ    SI, CX
	JB      unit
	SHRQ    $28, AX
	MOVQ    R12, weight+48(FP)
	MOVQ    R13, ones+56(FP)
	MOVQ    AX, last+64(FP)
	RET
