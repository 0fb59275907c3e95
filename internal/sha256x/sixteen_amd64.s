//go:build !noasm

#include "textflag.h"

// Sixteen streams, one in each 32-bit element of the Z registers: FIPS 180-4 section 6.2.2 word for word, with none of the
// instructions for SHA-256. A rotation is one instruction here (VPRORD), each function of three words is one (VPTERNLOGD), and
// the message schedule never leaves the registers.
//
// Z0-Z15 = the last 16 words of the schedule, Z16-Z23 = a to h, Z24-Z31 = scratch.

// Truth tables of VPTERNLOGD (Intel SDM volume 2): bit 4x+2y+z is f(x, y, z), x the destination, y the operand before it.
#define XOR $0x96
#define CH  $0xca
#define MAJ $0xe8

// The round of word w, whose constant is at off(R9). What depends on e is added last: the next round waits for it.
#define ROUND(off, a, b, c, d, e, f, g, h, w) \
	VPADDD.BCST off(R9), h, h;       \
	VPADDD      w, h, h;             \
	VMOVDQA32   e, Z24;              \
	VPTERNLOGD  CH, g, f, Z24;       \
	VPADDD      Z24, h, h;           \
	VPRORD      $6, e, Z25;          \
	VPRORD      $11, e, Z26;         \
	VPRORD      $25, e, Z27;         \
	VPTERNLOGD  XOR, Z25, Z26, Z27;  \
	VPADDD      Z27, h, h;           \
	VPADDD      h, d, d;             \
	VMOVDQA32   a, Z28;              \
	VPTERNLOGD  MAJ, c, b, Z28;      \
	VPADDD      Z28, h, h;           \
	VPRORD      $2, a, Z29;          \
	VPRORD      $13, a, Z30;         \
	VPRORD      $22, a, Z31;         \
	VPTERNLOGD  XOR, Z29, Z30, Z31;  \
	VPADDD      Z31, h, h

// The same, and W[t] = W[t-16] + s0(W[t-15]) + W[t-7] + s1(W[t-2]) in the place of w, which was W[t-16].
#define STEP(off, a, b, c, d, e, f, g, h, w, w15, w7, w2) \
	ROUND(off, a, b, c, d, e, f, g, h, w); \
	VPADDD     w7, w, w;            \
	VPRORD     $7, w15, Z24;        \
	VPRORD     $18, w15, Z25;       \
	VPSRLD     $3, w15, Z26;        \
	VPTERNLOGD XOR, Z24, Z25, Z26;  \
	VPADDD     Z26, w, w;           \
	VPRORD     $17, w2, Z27;        \
	VPRORD     $19, w2, Z28;        \
	VPSRLD     $10, w2, Z29;        \
	VPTERNLOGD XOR, Z27, Z28, Z29;  \
	VPADDD     Z29, w, w

// The block of stream i in host order.
#define LOAD(i, z) \
	MOVQ      (i*8)(SI), AX;   \
	VMOVDQU32 (AX)(BX*1), z;   \
	VPSHUFB   Z31, z, z

// a to d are blocks of four streams, and become words j of all four: register j has word 4p+j in its p-th 128 bits.
#define WORDS(a, b, c, d) \
	VPUNPCKHDQ  b, a, Z24;   \
	VPUNPCKLDQ  b, a, a;     \
	VPUNPCKHDQ  d, c, Z25;   \
	VPUNPCKLDQ  d, c, c;     \
	VPUNPCKHQDQ c, a, b;     \
	VPUNPCKLQDQ c, a, a;     \
	VPUNPCKHQDQ Z25, Z24, d; \
	VPUNPCKLQDQ Z25, Z24, c

// a to d have these for streams 0-3, 4-7, 8-11 and 12-15; the p-th of them becomes word 4p+j of all streams.
#define STREAMS(a, b, c, d) \
	VSHUFI32X4 $0x44, b, a, Z24;   \
	VSHUFI32X4 $0xee, b, a, Z25;   \
	VSHUFI32X4 $0x44, d, c, Z26;   \
	VSHUFI32X4 $0xee, d, c, Z27;   \
	VSHUFI32X4 $0x88, Z26, Z24, a; \
	VSHUFI32X4 $0xdd, Z26, Z24, b; \
	VSHUFI32X4 $0x88, Z27, Z25, c; \
	VSHUFI32X4 $0xdd, Z27, Z25, d

#define ADDSTATE(i, z) \
	VPADDD    (i*64)(DI), z, z; \
	VMOVDQU32 z, (i*64)(DI)

// Bytes of a big-endian word in host order.
DATA swap<>+0(SB)/8, $0x0405060700010203
DATA swap<>+8(SB)/8, $0x0c0d0e0f08090a0b
GLOBL swap<>(SB), RODATA|NOPTR, $16

// func sixteen(h *[8][16]uint32, p *[16]*byte, n int, k *[64]uint32)
TEXT ·sixteen(SB), NOSPLIT, $0-32
	MOVQ h+0(FP), DI
	MOVQ p+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ k+24(FP), R8
	XORQ BX, BX

block:
	VBROADCASTI32X4 swap<>(SB), Z31
	LOAD(0, Z0)
	LOAD(1, Z1)
	LOAD(2, Z2)
	LOAD(3, Z3)
	LOAD(4, Z4)
	LOAD(5, Z5)
	LOAD(6, Z6)
	LOAD(7, Z7)
	LOAD(8, Z8)
	LOAD(9, Z9)
	LOAD(10, Z10)
	LOAD(11, Z11)
	LOAD(12, Z12)
	LOAD(13, Z13)
	LOAD(14, Z14)
	LOAD(15, Z15)
	WORDS(Z0, Z1, Z2, Z3)
	WORDS(Z4, Z5, Z6, Z7)
	WORDS(Z8, Z9, Z10, Z11)
	WORDS(Z12, Z13, Z14, Z15)
	STREAMS(Z0, Z4, Z8, Z12)
	STREAMS(Z1, Z5, Z9, Z13)
	STREAMS(Z2, Z6, Z10, Z14)
	STREAMS(Z3, Z7, Z11, Z15)
	VMOVDQU32 (0*64)(DI), Z16
	VMOVDQU32 (1*64)(DI), Z17
	VMOVDQU32 (2*64)(DI), Z18
	VMOVDQU32 (3*64)(DI), Z19
	VMOVDQU32 (4*64)(DI), Z20
	VMOVDQU32 (5*64)(DI), Z21
	VMOVDQU32 (6*64)(DI), Z22
	VMOVDQU32 (7*64)(DI), Z23
	MOVQ R8, R9
	MOVQ $3, DX

schedule:
	STEP(0, Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z0, Z1, Z9, Z14)
	STEP(4, Z23, Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z1, Z2, Z10, Z15)
	STEP(8, Z22, Z23, Z16, Z17, Z18, Z19, Z20, Z21, Z2, Z3, Z11, Z0)
	STEP(12, Z21, Z22, Z23, Z16, Z17, Z18, Z19, Z20, Z3, Z4, Z12, Z1)
	STEP(16, Z20, Z21, Z22, Z23, Z16, Z17, Z18, Z19, Z4, Z5, Z13, Z2)
	STEP(20, Z19, Z20, Z21, Z22, Z23, Z16, Z17, Z18, Z5, Z6, Z14, Z3)
	STEP(24, Z18, Z19, Z20, Z21, Z22, Z23, Z16, Z17, Z6, Z7, Z15, Z4)
	STEP(28, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z16, Z7, Z8, Z0, Z5)
	STEP(32, Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z8, Z9, Z1, Z6)
	STEP(36, Z23, Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z9, Z10, Z2, Z7)
	STEP(40, Z22, Z23, Z16, Z17, Z18, Z19, Z20, Z21, Z10, Z11, Z3, Z8)
	STEP(44, Z21, Z22, Z23, Z16, Z17, Z18, Z19, Z20, Z11, Z12, Z4, Z9)
	STEP(48, Z20, Z21, Z22, Z23, Z16, Z17, Z18, Z19, Z12, Z13, Z5, Z10)
	STEP(52, Z19, Z20, Z21, Z22, Z23, Z16, Z17, Z18, Z13, Z14, Z6, Z11)
	STEP(56, Z18, Z19, Z20, Z21, Z22, Z23, Z16, Z17, Z14, Z15, Z7, Z12)
	STEP(60, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z16, Z15, Z0, Z8, Z13)
	ADDQ $64, R9
	DECQ DX
	JNZ  schedule

	ROUND(0, Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z0)
	ROUND(4, Z23, Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z1)
	ROUND(8, Z22, Z23, Z16, Z17, Z18, Z19, Z20, Z21, Z2)
	ROUND(12, Z21, Z22, Z23, Z16, Z17, Z18, Z19, Z20, Z3)
	ROUND(16, Z20, Z21, Z22, Z23, Z16, Z17, Z18, Z19, Z4)
	ROUND(20, Z19, Z20, Z21, Z22, Z23, Z16, Z17, Z18, Z5)
	ROUND(24, Z18, Z19, Z20, Z21, Z22, Z23, Z16, Z17, Z6)
	ROUND(28, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z16, Z7)
	ROUND(32, Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z8)
	ROUND(36, Z23, Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z9)
	ROUND(40, Z22, Z23, Z16, Z17, Z18, Z19, Z20, Z21, Z10)
	ROUND(44, Z21, Z22, Z23, Z16, Z17, Z18, Z19, Z20, Z11)
	ROUND(48, Z20, Z21, Z22, Z23, Z16, Z17, Z18, Z19, Z12)
	ROUND(52, Z19, Z20, Z21, Z22, Z23, Z16, Z17, Z18, Z13)
	ROUND(56, Z18, Z19, Z20, Z21, Z22, Z23, Z16, Z17, Z14)
	ROUND(60, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z16, Z15)

	ADDSTATE(0, Z16)
	ADDSTATE(1, Z17)
	ADDSTATE(2, Z18)
	ADDSTATE(3, Z19)
	ADDSTATE(4, Z20)
	ADDSTATE(5, Z21)
	ADDSTATE(6, Z22)
	ADDSTATE(7, Z23)
	ADDQ $64, BX
	DECQ CX
	JNZ  block

	VZEROUPPER
	RET
