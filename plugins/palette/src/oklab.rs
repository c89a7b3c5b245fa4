//! Oklab, a space where distances look as large as they are (Björn Ottosson,
//! <https://bottosson.github.io/posts/oklab/>). Constants from there.

/// Lightness 0..=1, green-red, blue-yellow.
pub(crate) type Lab = [f32; 3];

pub(crate) fn from_srgb(color: [u8; 3]) -> Lab {
    let [r, g, b] = color.map(to_linear);
    let l = (0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b).cbrt();
    let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let s = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

pub(crate) fn to_srgb([light, a, b]: Lab) -> [u8; 3] {
    let l = (light + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
    let m = (light - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
    let s = (light - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
    [
        4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_94 * s,
        -1.268_438 * l + 2.609_757_4 * m - 0.341_319_38 * s,
        -0.004_196_086_3 * l - 0.703_418_6 * m + 1.707_614_7 * s,
    ]
    .map(from_linear)
}

fn to_linear(value: u8) -> f32 {
    let value = f32::from(value) / 255.0;
    if value <= 0.04045 {
        value / 12.92
    } else {
        ((value + 0.055) / 1.055).powf(2.4)
    }
}

fn from_linear(value: f32) -> u8 {
    let value = value.clamp(0.0, 1.0);
    let curved = if value <= 0.003_130_8 {
        value * 12.92
    } else {
        1.055 * value.powf(1.0 / 2.4) - 0.055
    };
    (curved * 255.0 + 0.5) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// sRGB red, from the CSS Color 4 specification's examples: oklab(0.62796 0.22486 0.12585).
    #[test]
    fn red_is_where_css_says() {
        let red = from_srgb([255, 0, 0]);
        for (value, expected) in red.iter().zip([0.627_96, 0.224_86, 0.125_85]) {
            assert!((value - expected).abs() < 1e-4, "{red:?}");
        }
    }

    #[test]
    fn there_and_back_again() {
        for value in 0..=255 {
            for color in [[value, value, value], [value, 10, 200], [0, 255, value]] {
                assert_eq!(to_srgb(from_srgb(color)), color);
            }
        }
    }
}
