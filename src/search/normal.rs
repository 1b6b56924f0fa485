//! The normal distribution on `libm`, the same on every machine.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Its distribution function Φ.
pub(super) fn cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

/// Φ(b) − Φ(a), for a ≤ b, without cancellation where both are far above 0.
pub(super) fn between(a: f64, b: f64) -> f64 {
    if a > 0.0 { cdf(-a) - cdf(-b) } else { cdf(b) - cdf(a) }
}

/// The logarithm of the expected improvement of a normal with this mean and variance over `best`, higher being better: that of
/// σ(φ(z) + z Φ(z)) with z = (mean − best)/σ, by its leading term below z = −20.
pub(super) fn log_expected_improvement(mean: f64, variance: f64, best: f64) -> f64 {
    let deviation = variance.sqrt();
    let z = (mean - best) / deviation;
    let log_density = -0.5 * z * z - 0.5 * libm::log(2.0 * PI);
    if z < -20.0 {
        return log_density - 2.0 * libm::log(-z) + libm::log(deviation);
    }
    libm::log((libm::exp(log_density) + z * cdf(z)).max(1e-300)) + libm::log(deviation)
}

/// Its quantile function Φ⁻¹, for p in (0, 1), to about 16 digits; the ends are moved inwards (Wichura 1988, AS 241, PPND16).
pub(super) fn quantile(p: f64) -> f64 {
    let p = p.clamp(1e-300, 1.0 - 1e-16);
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * ratio(&CENTRE, r);
    }
    let r = (-libm::log(if q < 0.0 { p } else { 1.0 - p })).sqrt();
    let size = if r <= 5.0 { ratio(&MIDDLE, r - 1.6) } else { ratio(&TAIL, r - 5.0) };
    if q < 0.0 { -size } else { size }
}

/// Coefficients of a numerator and a denominator, the highest power first.
type Ratio = [[f64; 8]; 2];

fn ratio(coefficients: &Ratio, r: f64) -> f64 {
    let [above, below] = coefficients.map(|c| c.iter().fold(0.0, |sum, c| sum * r + c));
    above / below
}

#[rustfmt::skip]
#[expect(clippy::excessive_precision, reason = "the digits as published")]
const CENTRE: Ratio = [
    [2.509_080_928_730_122_672_7e3, 3.343_057_558_358_812_810_5e4, 6.726_577_092_700_870_085_3e4, 4.592_195_393_154_987_145_7e4,
     1.373_169_376_550_946_112_5e4, 1.971_590_950_306_551_442_7e3, 1.331_416_678_917_843_774_5e2, 3.387_132_872_796_366_608_0],
    [5.226_495_278_852_854_561_0e3, 2.872_908_573_572_194_267_4e4, 3.930_789_580_009_271_061_0e4, 2.121_379_430_158_659_586_7e4,
     5.394_196_021_424_751_107_7e3, 6.871_870_074_920_579_083_0e2, 4.231_333_070_160_091_125_2e1, 1.0],
];

#[rustfmt::skip]
#[expect(clippy::excessive_precision, reason = "the digits as published")]
const MIDDLE: Ratio = [
    [7.745_450_142_783_414_076_40e-4, 2.272_384_498_926_918_458_33e-2, 2.417_807_251_774_506_117_70e-1, 1.270_458_252_452_368_382_58,
     3.647_848_324_763_204_605_04, 5.769_497_221_460_691_405_50, 4.630_337_846_156_545_295_90, 1.423_437_110_749_683_577_34],
    [1.050_750_071_644_416_843_24e-9, 5.475_938_084_995_344_946_00e-4, 1.519_866_656_361_645_719_66e-2, 1.481_039_764_274_800_745_90e-1,
     6.897_673_349_851_000_045_50e-1, 1.676_384_830_183_803_849_40, 2.053_191_626_637_758_821_87, 1.0],
];

#[rustfmt::skip]
#[expect(clippy::excessive_precision, reason = "the digits as published")]
const TAIL: Ratio = [
    [2.010_334_399_292_288_132_65e-7, 2.711_555_568_743_487_578_15e-5, 1.242_660_947_388_078_438_60e-3, 2.653_218_952_657_612_309_30e-2,
     2.965_605_718_285_048_912_30e-1, 1.784_826_539_917_291_335_80, 5.463_784_911_164_114_369_90, 6.657_904_643_501_103_777_20],
    [2.044_263_103_389_939_785_64e-15, 1.421_511_758_316_445_888_70e-7, 1.846_318_317_510_054_681_80e-5, 7.868_691_311_456_132_591_00e-4,
     1.487_536_129_085_061_485_25e-2, 1.369_298_809_227_358_053_10e-1, 5.998_322_065_558_879_376_90e-1, 1.0],
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: scipy.special.ndtr and ndtri (scripts/search_oracle.py, "normal").
    #[test]
    fn values_are_scipys() {
        let cdfs = [
            (-30.0, 4.906713927147908e-198),
            (-8.5, 9.47953482220325e-18),
            (-2.0, 0.022750131948179195),
            (-0.3, 0.3820885778110474),
            (0.0, 0.5),
            (0.7, 0.758036347776927),
            (1.0, 0.8413447460685429),
            (4.5, 0.9999966023268753),
        ];
        for (z, expected) in cdfs {
            assert!((cdf(z) / expected - 1.0).abs() < 1e-13, "{z}: {} {expected}", cdf(z));
        }
        let quantiles = [
            (1e-300, -37.0470962993612),
            (1e-20, -9.262340089798409),
            (1e-9, -5.9978070150076865),
            (0.003, -2.7477813854449926),
            (0.05, -1.6448536269514729),
            (0.0751, -1.4388253927525403),
            (0.31, -0.4958503473474533),
            (0.5, 0.0),
            (0.74, 0.643345405392917),
            (0.93, 1.475791028179171),
            (0.9999, 3.719016485455709),
            (0.999999999999, 7.0344869100478356),
        ];
        for (p, expected) in quantiles {
            assert!((quantile(p) - expected).abs() < 1e-14 * f64::abs(expected).max(1.0), "{p}: {} {expected}", quantile(p));
        }
    }

    /// Oracle: mpmath's integral would do; here scipy's log_ndtr and the same formula (scripts/search_oracle.py, "improvement").
    #[test]
    fn improvement_is_finite_far_below_the_best() {
        let cases = [
            (0.3, 0.04, 0.1, -1.5294116935847935),
            (0.0, 1.0, 0.0, -0.9189385332046727),
            (-1.0, 0.25, 1.0, -12.542208758110593),
            (-3.0, 0.04, 0.5, -161.3874645054815),
            (-3.0, 0.01, 0.5, -622.8322197491776),
            (-5.0, 1e-12, 2.0, -24500000000046.258),
        ];
        for (mean, variance, best, expected) in cases {
            let found = log_expected_improvement(mean, variance, best);
            assert!(
                (found - expected).abs() < 1e-9 * f64::abs(expected).max(1.0),
                "{mean} {variance} {best}: {found} {expected}"
            );
        }
    }

    #[test]
    fn differences_keep_their_digits_on_both_sides() {
        assert_eq!(between(9.0, 10.0), between(-10.0, -9.0));
        assert!(between(9.0, 10.0) > 0.0 && (between(-1.0, 1.0) - 0.682_689_492_137_085_9).abs() < 1e-15);
    }
}
