// The runner's arithmetic, on figures small enough to check in one's head.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apart, median, quantile, ratios, slope, spread } from '../lib/stats.mjs';

test('a median is the middle one, or lies between the two', () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([10, 2, 9, 1]), 5.5); // by value, not by text
    assert.equal(median([7]), 7);
    assert.ok(Number.isNaN(median([])));
});

test('what is no number is left out', () => {
    assert.equal(median([1, undefined, NaN, 3, Infinity, null, '2']), 2);
    assert.equal(spread([undefined, NaN]), null);
});

test('quantiles lie on the line between neighbours', () => {
    assert.equal(quantile([0, 10], 0.25), 2.5);
    assert.equal(quantile([0, 10, 20, 30, 40], 0.75), 30);
    assert.equal(quantile([5, 6], 1), 6);
});

test('a spread tells its ends and its quarters, and leaves its argument alone', () => {
    const values = [4, 1, 3, 2, 5];
    assert.deepEqual(spread(values), { median: 3, min: 1, max: 5, q1: 2, q3: 4, n: 5 });
    assert.deepEqual(values, [4, 1, 3, 2, 5]);
});

test('ratios are those of one round, and of rounds that have both', () => {
    assert.deepEqual(ratios([2, 9, 4], [1, 3, 8]), [2, 3, 0.5]);
    assert.deepEqual(ratios([2, undefined, 4, 5], [1, 3, NaN, 2]), [2, 2.5]);
    assert.deepEqual(ratios([2, 3], [0, 3]), [1], 'nothing is divided by 0');
    assert.deepEqual(ratios([-2, 3], [1, 3]), [1], 'memory that shrank says nothing');
    assert.deepEqual(ratios([1, 2, 3], [1]), [1]);
});

test('the median of the ratios is not the ratio of the medians', () => {
    // A machine that slows down threefold: the servers are alike in every round but one.
    const [a, b] = [[1, 3, 3], [1, 1, 3]];
    assert.equal(median(ratios(a, b)), 1);
    assert.equal(median(a) / median(b), 3);
});

test('a slope through points on a line is that of the line', () => {
    assert.equal(slope([[0, 5], [1, 7], [10, 25]]), 2);
    assert.equal(slope([[0, 0], [1, 3], [2, 0]]), 0);
    assert.ok(Number.isNaN(slope([[1, 1], [1, 2]])));
    assert.ok(Number.isNaN(slope([])));
});

test('ranges are apart when they do not touch', () => {
    assert.ok(apart({ min: 1, max: 2 }, { min: 3, max: 4 }));
    assert.ok(apart({ min: 3, max: 4 }, { min: 1, max: 2 }));
    assert.ok(!apart({ min: 1, max: 3 }, { min: 3, max: 4 }));
    assert.ok(!apart({ min: 1, max: 9 }, { min: 3, max: 4 }));
});
