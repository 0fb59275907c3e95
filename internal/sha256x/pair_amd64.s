//go:build !noasm

#include "textflag.h"

// Two streams in one loop. SHA256RNDS2 has a latency of four cycles and each needs the one before; the second stream's
// instructions, which depend on nothing of the first's, fill the gaps.
//
// Instructions: Intel SDM volume 2, SHA256RNDS2, SHA256MSG1, SHA256MSG2. Steps: FIPS 180-4 section 6.2.2.
//
// Registers: X0 is the implicit operand of SHA256RNDS2 (message words plus constants), X15 swaps bytes, X14 is scratch.
// Stream a: X1 = ABEF, X2 = CDGH, X3-X6 = message. Stream b: X7 = ABEF, X8 = CDGH, X9-X12 = message.

// Four rounds of the words in m.
#define ROUNDS(off, abef, cdgh, m) \
	MOVOU       off(DX), X0;     \
	PADDD       m, X0;           \
	SHA256RNDS2 X0, abef, cdgh;  \
	PSHUFD      $0x0e, X0, X0;   \
	SHA256RNDS2 X0, cdgh, abef

// Big-endian words of a block.
#define LOAD(off, p, m) \
	MOVOU  off(p), m; \
	PSHUFB X15, m

// next += the middle part of the schedule: next holds W[t-16..t-13] + s0(W[t-15..]), cur W[t-4..t-1], prev W[t-8..t-5].
#define SCHEDULE(prev, cur, next) \
	MOVO       cur, X14;      \
	PALIGNR    $4, prev, X14; \
	PADDD      X14, next;     \
	SHA256MSG2 cur, next

// abcd and efgh (as stored) become ABEF and CDGH.
#define UNPACK(h, abef, cdgh) \
	MOVOU   0(h), abef;          \
	MOVOU   16(h), cdgh;         \
	PSHUFD  $0xb1, abef, abef;   \
	PSHUFD  $0x1b, cdgh, cdgh;   \
	MOVO    abef, X14;           \
	PALIGNR $8, cdgh, abef;      \
	PBLENDW $0xf0, X14, cdgh

#define PACK(h, abef, cdgh) \
	PSHUFD  $0x1b, abef, abef;   \
	PSHUFD  $0xb1, cdgh, cdgh;   \
	MOVO    abef, X14;           \
	PBLENDW $0xf0, cdgh, abef;   \
	PALIGNR $8, X14, cdgh;       \
	MOVOU   abef, 0(h);          \
	MOVOU   cdgh, 16(h)

#define A(off, m) ROUNDS(off, X1, X2, m)
#define B(off, m) ROUNDS(off, X7, X8, m)

// Four rounds of both streams, and four words of both schedules.
#define BOTH(off, a0, a1, a2, a3, b0, b1, b2, b3) \
	A(off, a3);               \
	B(off, b3);               \
	SCHEDULE(a2, a3, a0);     \
	SCHEDULE(b2, b3, b0);     \
	SHA256MSG1 a3, a2;        \
	SHA256MSG1 b3, b2

// func pair(ha, hb *[8]uint32, pa, pb *byte, n int, k *[64]uint32)
TEXT ·pair(SB), NOSPLIT, $64-48
	MOVQ ha+0(FP), R8
	MOVQ hb+8(FP), R9
	MOVQ pa+16(FP), SI
	MOVQ pb+24(FP), DI
	MOVQ n+32(FP), CX
	MOVQ k+40(FP), DX

	MOVQ   $0x0405060700010203, AX
	MOVQ   AX, X15
	MOVQ   $0x0c0d0e0f08090a0b, AX
	PINSRQ $1, AX, X15

	UNPACK(R8, X1, X2)
	UNPACK(R9, X7, X8)

loop:
	MOVOU X1, 0(SP)
	MOVOU X2, 16(SP)
	MOVOU X7, 32(SP)
	MOVOU X8, 48(SP)

	LOAD(0, SI, X3)
	LOAD(0, DI, X9)
	A(0, X3)
	B(0, X9)
	LOAD(16, SI, X4)
	LOAD(16, DI, X10)
	A(16, X4)
	B(16, X10)
	SHA256MSG1 X4, X3
	SHA256MSG1 X10, X9
	LOAD(32, SI, X5)
	LOAD(32, DI, X11)
	A(32, X5)
	B(32, X11)
	SHA256MSG1 X5, X4
	SHA256MSG1 X11, X10
	LOAD(48, SI, X6)
	LOAD(48, DI, X12)

	BOTH(48, X3, X4, X5, X6, X9, X10, X11, X12)
	BOTH(64, X4, X5, X6, X3, X10, X11, X12, X9)
	BOTH(80, X5, X6, X3, X4, X11, X12, X9, X10)
	BOTH(96, X6, X3, X4, X5, X12, X9, X10, X11)
	BOTH(112, X3, X4, X5, X6, X9, X10, X11, X12)
	BOTH(128, X4, X5, X6, X3, X10, X11, X12, X9)
	BOTH(144, X5, X6, X3, X4, X11, X12, X9, X10)
	BOTH(160, X6, X3, X4, X5, X12, X9, X10, X11)
	BOTH(176, X3, X4, X5, X6, X9, X10, X11, X12)
	BOTH(192, X4, X5, X6, X3, X10, X11, X12, X9)

	A(208, X4)
	B(208, X10)
	SCHEDULE(X3, X4, X5)
	SCHEDULE(X9, X10, X11)
	A(224, X5)
	B(224, X11)
	SCHEDULE(X4, X5, X6)
	SCHEDULE(X10, X11, X12)
	A(240, X6)
	B(240, X12)

	MOVOU 0(SP), X13
	PADDD X13, X1
	MOVOU 16(SP), X13
	PADDD X13, X2
	MOVOU 32(SP), X13
	PADDD X13, X7
	MOVOU 48(SP), X13
	PADDD X13, X8

	ADDQ $64, SI
	ADDQ $64, DI
	DECQ CX
	JNZ  loop

	PACK(R8, X1, X2)
	PACK(R9, X7, X8)
	RET

// func cpuid(leaf uint32) (eax, ebx, ecx, edx uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-24
	MOVL leaf+0(FP), AX
	XORL CX, CX
	CPUID
	MOVL AX, eax+8(FP)
	MOVL BX, ebx+12(FP)
	MOVL CX, ecx+16(FP)
	MOVL DX, edx+20(FP)
	RET

// func xcr0() uint32
TEXT ·xcr0(SB), NOSPLIT, $0-4
	XORL CX, CX
	XGETBV
	MOVL AX, ret+0(FP)
	RET
