//go:build !noasm

#include "textflag.h"

// Two streams in one loop, as in pair_amd64.s, with the message schedule in vectors: the low half of each Y register belongs
// to stream a, the high half to stream b. The words plus constants go through the stack, since loads are free here and
// extracting a high half, which the unit of SHA256RNDS2 would have to do, is not.
//
// SHA256RNDS2 has no VEX encoding, and on this kind of processor it costs microseconds while the upper half of any of
// Y0-Y15 is in use. So vectors live in Y16-Y31, which do not count, and what writes X0-X15 clears their upper halves.
//
// X0 is the implicit operand of SHA256RNDS2. Stream a: X10 = ABEF, X11 = CDGH; stream b: X12 = ABEF, X13 = CDGH; X26-X29
// their values before the block. Y16-Y19 = message, Y20-Y24 = scratch, Y25 swaps bytes.

#define UNPACK(h, abef, cdgh) \
	VMOVDQU  0(h), abef;              \
	VMOVDQU  16(h), cdgh;             \
	VPSHUFD  $0xb1, abef, abef;       \
	VPSHUFD  $0x1b, cdgh, cdgh;       \
	VMOVDQA  abef, X14;               \
	VPALIGNR $8, cdgh, abef, abef;    \
	VPBLENDW $0xf0, X14, cdgh, cdgh

#define PACK(h, abef, cdgh) \
	VPSHUFD  $0x1b, abef, abef;       \
	VPSHUFD  $0xb1, cdgh, cdgh;       \
	VMOVDQA  abef, X14;               \
	VPBLENDW $0xf0, cdgh, abef, abef; \
	VPALIGNR $8, X14, cdgh, cdgh;     \
	VMOVDQU  abef, 0(h);              \
	VMOVDQU  cdgh, 16(h)

// Rounds 4g to 4g+3 of both streams.
#define ROUNDS(g) \
	VMOVQ       (g*32)(SP), X0;    \
	SHA256RNDS2 X0, X10, X11;      \
	VMOVQ       (g*32+16)(SP), X0; \
	SHA256RNDS2 X0, X12, X13;      \
	VMOVQ       (g*32+8)(SP), X0;  \
	SHA256RNDS2 X0, X11, X10;      \
	VMOVQ       (g*32+24)(SP), X0; \
	SHA256RNDS2 X0, X13, X12

// Words 4g to 4g+3 of both streams, with the constants added, to the stack.
#define READY(g, w) \
	VBROADCASTI32X4 (g*16)(DX), Y20; \
	VPADDD          w, Y20, Y20;     \
	VMOVDQU32       Y20, (g*32)(SP)

#define LOAD(g, x, w) \
	VMOVDQU32    (g*16)(SI), x;        \
	VINSERTI32X4 $1, (g*16)(DI), w, w; \
	VPSHUFB      Y25, w, w;            \
	READY(g, w)

// x = s1(x); s1 and s0 are the small sigma functions.
#define SIGMA1(x) \
	VPRORD     $17, x, Y22;        \
	VPRORD     $19, x, Y23;        \
	VPSRLD     $10, x, x;          \
	VPTERNLOGD $0x96, Y22, Y23, x

// W[t] = W[t-16] + s0(W[t-15]) + W[t-7] + s1(W[t-2]) for the four words that begin at t = 4g: w0 holds W[t-16..t-13] and
// gets the result, w3 holds W[t-4..t-1]. s1 of the first two words of the result comes last (mask K2).
#define SCHEDULE(g, w0, w1, w2, w3) \
	VPALIGNR   $4, w0, w1, Y20;     \
	VPALIGNR   $4, w2, w3, Y21;     \
	VPRORD     $7, Y20, Y22;        \
	VPRORD     $18, Y20, Y23;       \
	VPSRLD     $3, Y20, Y20;        \
	VPTERNLOGD $0x96, Y22, Y23, Y20; \
	VPADDD     Y21, w0, w0;         \
	VPADDD     Y20, w0, w0;         \
	VPSHUFD    $0x0e, w3, Y24;      \
	SIGMA1(Y24);                    \
	VPADDD     Y24, w0, K1, w0;     \
	VPSHUFD    $0x40, w0, Y24;      \
	SIGMA1(Y24);                    \
	VPADDD     Y24, w0, K2, w0;     \
	READY(g, w0)

// func pairWide(ha, hb *[8]uint32, pa, pb *byte, n int, k *[64]uint32)
TEXT ·pairWide(SB), 0, $512-48
	MOVQ ha+0(FP), R8
	MOVQ hb+8(FP), R9
	MOVQ pa+16(FP), SI
	MOVQ pb+24(FP), DI
	MOVQ n+32(FP), CX
	MOVQ k+40(FP), DX

	MOVQ         $0x0405060700010203, AX
	VMOVQ        AX, X25
	MOVQ         $0x0c0d0e0f08090a0b, AX
	VPINSRQ      $1, AX, X25, X25
	VINSERTI32X4 $1, X25, Y25, Y25
	MOVL         $0x33, AX
	KMOVW        AX, K1
	MOVL         $0xcc, AX
	KMOVW        AX, K2

	VZEROUPPER
	UNPACK(R8, X10, X11)
	UNPACK(R9, X12, X13)

loop:
	VMOVDQA32 X10, X26
	VMOVDQA32 X11, X27
	VMOVDQA32 X12, X28
	VMOVDQA32 X13, X29

	LOAD(0, X16, Y16)
	LOAD(1, X17, Y17)
	LOAD(2, X18, Y18)
	LOAD(3, X19, Y19)
	SCHEDULE(4, Y16, Y17, Y18, Y19)
	ROUNDS(0)
	SCHEDULE(5, Y17, Y18, Y19, Y16)
	ROUNDS(1)
	SCHEDULE(6, Y18, Y19, Y16, Y17)
	ROUNDS(2)
	SCHEDULE(7, Y19, Y16, Y17, Y18)
	ROUNDS(3)
	SCHEDULE(8, Y16, Y17, Y18, Y19)
	ROUNDS(4)
	SCHEDULE(9, Y17, Y18, Y19, Y16)
	ROUNDS(5)
	SCHEDULE(10, Y18, Y19, Y16, Y17)
	ROUNDS(6)
	SCHEDULE(11, Y19, Y16, Y17, Y18)
	ROUNDS(7)
	SCHEDULE(12, Y16, Y17, Y18, Y19)
	ROUNDS(8)
	SCHEDULE(13, Y17, Y18, Y19, Y16)
	ROUNDS(9)
	SCHEDULE(14, Y18, Y19, Y16, Y17)
	ROUNDS(10)
	SCHEDULE(15, Y19, Y16, Y17, Y18)
	ROUNDS(11)
	ROUNDS(12)
	ROUNDS(13)
	ROUNDS(14)
	ROUNDS(15)

	VPADDD X26, X10, X10
	VPADDD X27, X11, X11
	VPADDD X28, X12, X12
	VPADDD X29, X13, X13
	ADDQ   $64, SI
	ADDQ   $64, DI
	DECQ   CX
	JNZ    loop

	PACK(R8, X10, X11)
	PACK(R9, X12, X13)
	RET
