"""Draw the loss curve as a small SVG; standard library only."""

import math

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 720, 300, 60, 16, 40


def loss_curve(curve):
    """An SVG picture of [[step, loss], ...], loss (nats per answer token) on a logarithmic axis."""
    low, high = (f(math.log10(v) * 2) / 2 for f, v in ((math.floor, min(y for _, y in curve)), (math.ceil, max(y for _, y in curve))))
    x = lambda s: LEFT + (WIDTH - LEFT - 16) * s / curve[-1][0]
    y = lambda v: TOP + (HEIGHT - TOP - BOTTOM) * (high - math.log10(v)) / (high - low)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
           '<title>Training loss of harbor-tiny</title>', f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>']
    for i in range(round((high - low) * 2) + 1):
        v = 10 ** (high - i / 2)
        out.append(f'<path d="M{LEFT} {y(v):.1f}H{WIDTH - 16}" stroke="#dddddd"/>'
                   f'<text x="{LEFT - 6}" y="{y(v) + 4:.1f}" text-anchor="end" fill="#444444">{v:.2g}</text>')
    for i in range(5):
        s = curve[-1][0] * i / 4
        out.append(f'<text x="{x(s):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle" fill="#444444">{s:.0f}</text>')
    points = " ".join(f"{x(s):.1f},{y(v):.1f}" for s, v in curve)
    out += [f'<polyline points="{points}" fill="none" stroke="#1f5f8b" stroke-width="1.5"/>',
            f'<text x="{WIDTH / 2}" y="{HEIGHT - 6}" text-anchor="middle" fill="#444444">step (mean of 50); vertical: loss in nats per answer token</text>',
            '</svg>']
    return "\n".join(out) + "\n"
