//go:build !noasm

#include "textflag.h"

// Two streams in one loop: the instructions of each depend on nothing of the other's, so they fill each other's latencies.
//
// Instructions: Arm Architecture Reference Manual, SHA256H, SHA256H2, SHA256SU0, SHA256SU1. Steps: FIPS 180-4 section 6.2.2.
//
// Stream a: V0 = abcd, V1 = efgh, V2-V5 = message, V12 and V13 = scratch. Stream b: V6 = abcd, V7 = efgh, V8-V11 = message,
// V14 and V15 = scratch. V16-V31 = round constants.

// Four rounds of both streams with the words in ma and mb.
#define ROUNDS(k, ma, mb) \
	VADD     k.S4, ma.S4, V12.S4; \
	VADD     k.S4, mb.S4, V14.S4; \
	VMOV     V0.B16, V13.B16;     \
	VMOV     V6.B16, V15.B16;     \
	SHA256H  V12.S4, V1, V0;      \
	SHA256H  V14.S4, V7, V6;      \
	SHA256H2 V12.S4, V13, V1;     \
	SHA256H2 V14.S4, V15, V7

// The same, and the next four words in place of ma and mb. m1 to m3 are the words that follow.
#define BOTH(k, a0, a1, a2, a3, b0, b1, b2, b3) \
	ROUNDS(k, a0, b0);               \
	SHA256SU0 a1.S4, a0.S4;          \
	SHA256SU0 b1.S4, b0.S4;          \
	SHA256SU1 a3.S4, a2.S4, a0.S4;   \
	SHA256SU1 b3.S4, b2.S4, b0.S4

// func pair(ha, hb *[8]uint32, pa, pb *byte, n int, k *[64]uint32)
TEXT ·pair(SB), NOSPLIT, $0-48
	MOVD ha+0(FP), R0
	MOVD hb+8(FP), R1
	MOVD pa+16(FP), R2
	MOVD pb+24(FP), R3
	MOVD n+32(FP), R4
	MOVD k+40(FP), R5

	VLD1.P 64(R5), [V16.S4, V17.S4, V18.S4, V19.S4]
	VLD1.P 64(R5), [V20.S4, V21.S4, V22.S4, V23.S4]
	VLD1.P 64(R5), [V24.S4, V25.S4, V26.S4, V27.S4]
	VLD1   (R5), [V28.S4, V29.S4, V30.S4, V31.S4]
	VLD1   (R0), [V0.S4, V1.S4]
	VLD1   (R1), [V6.S4, V7.S4]

loop:
	VLD1.P 64(R2), [V2.B16, V3.B16, V4.B16, V5.B16]
	VLD1.P 64(R3), [V8.B16, V9.B16, V10.B16, V11.B16]
	VREV32 V2.B16, V2.B16
	VREV32 V3.B16, V3.B16
	VREV32 V4.B16, V4.B16
	VREV32 V5.B16, V5.B16
	VREV32 V8.B16, V8.B16
	VREV32 V9.B16, V9.B16
	VREV32 V10.B16, V10.B16
	VREV32 V11.B16, V11.B16

	BOTH(V16, V2, V3, V4, V5, V8, V9, V10, V11)
	BOTH(V17, V3, V4, V5, V2, V9, V10, V11, V8)
	BOTH(V18, V4, V5, V2, V3, V10, V11, V8, V9)
	BOTH(V19, V5, V2, V3, V4, V11, V8, V9, V10)
	BOTH(V20, V2, V3, V4, V5, V8, V9, V10, V11)
	BOTH(V21, V3, V4, V5, V2, V9, V10, V11, V8)
	BOTH(V22, V4, V5, V2, V3, V10, V11, V8, V9)
	BOTH(V23, V5, V2, V3, V4, V11, V8, V9, V10)
	BOTH(V24, V2, V3, V4, V5, V8, V9, V10, V11)
	BOTH(V25, V3, V4, V5, V2, V9, V10, V11, V8)
	BOTH(V26, V4, V5, V2, V3, V10, V11, V8, V9)
	BOTH(V27, V5, V2, V3, V4, V11, V8, V9, V10)
	ROUNDS(V28, V2, V8)
	ROUNDS(V29, V3, V9)
	ROUNDS(V30, V4, V10)
	ROUNDS(V31, V5, V11)

	VLD1 (R0), [V12.S4, V13.S4]
	VLD1 (R1), [V14.S4, V15.S4]
	VADD V12.S4, V0.S4, V0.S4
	VADD V13.S4, V1.S4, V1.S4
	VADD V14.S4, V6.S4, V6.S4
	VADD V15.S4, V7.S4, V7.S4
	VST1 [V0.S4, V1.S4], (R0)
	VST1 [V6.S4, V7.S4], (R1)

	SUB  $1, R4
	CBNZ R4, loop
	RET
