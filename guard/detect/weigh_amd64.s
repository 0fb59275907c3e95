//go:build !noasm

#include "textflag.h"

// What all of this file keeps: DI entries, R10 counts, R8 the time and 255 below it, R12 weight, R13 ones.
//
// LOOK reads entry k and enters the time.
#define LOOK(k, e, w, age) \
	MOVL    (DI)(k*4), e;         \
	MOVL    R8, age;              \
	MOVBLZX e, w;                 \
	SUBL    e, age;               \
	LEAL    -255(R8)(w*1), e;     \
	LZCNTL  age, age;             \
	MOVL    e, (DI)(k*4);         \
	IMULQ   (R10)(age*8), w;      \
	ADDQ    (R10)(age*8), R13;    \
	ADDQ    w, R12

#define START \
	MOVQ entries+0(FP), DI; \
	MOVQ counts+8(FP), R10; \
	MOVL now+16(FP), R8;    \
	XORL R12, R12;          \
	XORL R13, R13

// func lookHashes(entries *table, counts *[33]uint64, now uint32, grams *uint32, n int) (weight, ones uint64)
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

// func lookUnits(entries *table, counts *[33]uint64, now uint32, units *uint16, n int, gram uint64) (weight, ones, last uint64)
//
// AX holds the last three units from bit 28 on, so that rotations alone make n-grams of it: with the next unit from bit 16 on it is the one
// of four, and twelve bits further up the one of three.
TEXT ·lookUnits(SB), NOSPLIT, $0-72
	START
	MOVQ units+24(FP), SI
	MOVQ n+32(FP), CX
	LEAQ (SI)(CX*2), CX
	MOVQ CX, n+32(FP) // registers are short
	MOVQ gram+40(FP), AX
	SHLQ $28, AX
	MOVQ $0xb7e151628aed2a6b, R9  // mul4
	MOVQ $0x243f6a8885a308d3, R11 // mul3

unit:
	MOVL  -2(SI), BX
	ANDL  $0x0fff0000, BX // twelve bits of the unit, and the one before cut off
	ORQ   BX, AX
	RORXQ $16, AX, R14
	SHLQ  $12, AX
	RORXQ $28, AX, R15
	IMULQ R9, R14
	IMULQ R11, R15
	SHRQ  $46, R14
	SHRQ  $46, R15
	LOOK(R14, BX, DX, CX)
	LOOK(R15, BX, DX, CX)
	ADDQ  $2, SI
	CMPQ  SI, n+32(FP)
	JB    unit
	SHRQ  $28, AX
	MOVQ  R12, weight+48(FP)
	MOVQ  R13, ones+56(FP)
	MOVQ  AX, last+64(FP)
	RET
