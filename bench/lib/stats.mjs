// What a handful of measurements say: medians, spreads, and ratios within a round.
//
// A machine is not equally fast at all times. What ran in the same round ran under the same weather, so servers are compared within
// their round, and the median of those ratios is what counts; the ratio of two medians is not.

/** Numbers among `values`, in ascending order. */
export function numbers(values) {
    return values.filter((v) => typeof v === 'number' && Number.isFinite(v)).sort((a, b) => a - b);
}

/** The q-quantile (0..1) by linear interpolation; NaN without numbers. */
export function quantile(values, q) {
    const sorted = numbers(values);
    if (sorted.length === 0) return NaN;
    const at = (sorted.length - 1) * q;
    const low = Math.floor(at);
    const high = Math.min(low + 1, sorted.length - 1);
    return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
}

export const median = (values) => quantile(values, 0.5);

/** { median, min, max, q1, q3, n } of what numbers there are; null: none. */
export function spread(values) {
    const sorted = numbers(values);
    if (sorted.length === 0) return null;
    return {
        median: median(sorted), min: sorted[0], max: sorted.at(-1),
        q1: quantile(sorted, 0.25), q3: quantile(sorted, 0.75), n: sorted.length,
    };
}

/** a[i] / b[i] of each round that has both, above 0; the others are left out. */
export function ratios(a, b) {
    return a.flatMap((value, i) => {
        const by = b[i];
        return numbers([value, by]).length === 2 && value > 0 && by > 0 ? [value / by] : [];
    });
}

/** The slope of the straight line through (x, y) by least squares; NaN for fewer than two different x. */
export function slope(points) {
    const n = points.length;
    const meanX = points.reduce((sum, [x]) => sum + x, 0) / n;
    const meanY = points.reduce((sum, [, y]) => sum + y, 0) / n;
    let above = 0;
    let below = 0;
    for (const [x, y] of points) {
        above += (x - meanX) * (y - meanY);
        below += (x - meanX) ** 2;
    }
    return below > 0 ? above / below : NaN;
}

/** Whether the ranges of two spreads have nothing in common. */
export const apart = (a, b) => a.max < b.min || b.max < a.min;
