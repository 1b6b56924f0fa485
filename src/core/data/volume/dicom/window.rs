//! Windows: what of the values is shown between black and white (PS3.3, C.11.2.1.2 and C.11.2.1.3).

use super::attribute::{CENTER, FUNCTION, WIDTH, unsound};
use super::element::Elements;

/// The first window of a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Window {
    center: f64,
    width: f64,
    /// LINEAR_EXACT, else LINEAR.
    exact: bool,
}

impl Window {
    /// The first of a file, of a frame or of all frames; `None` if there is none. A problem is reported when the window is asked for.
    pub fn of(elements: &Elements) -> Option<Result<Self, String>> {
        let (center, width) = match (elements.decimals(CENTER), elements.decimals(WIDTH)) {
            (Ok(Some(center)), Ok(Some(width))) => (center[0], width[0]),
            (Err(problem), _) | (_, Err(problem)) => return Some(Err(problem)),
            _ => return None,
        };
        Some(Self::new(center, width, elements.text(FUNCTION).as_deref()))
    }

    fn new(center: f64, width: f64, function: Option<&str>) -> Result<Self, String> {
        let exact = match function {
            None | Some("LINEAR") => false,
            Some("LINEAR_EXACT") => true,
            Some(other) => return Err(format!("has a window of the kind {other}, which is not applied; leave `window` out")),
        };
        let sound = if exact { width > 0.0 } else { width >= 1.0 };
        if sound { Ok(Self { center, width, exact }) } else { Err(unsound(WIDTH, &format!("is {width}"))) }
    }

    /// From 0 (black) to 255 (white), halves rounded up.
    pub fn of_value(self, value: f64) -> f64 {
        let Self { center, width, exact } = self;
        let (center, range) = if exact { (center, width) } else { (center - 0.5, width - 1.0) };
        let shown = match () {
            () if value <= center - range / 2.0 => 0.0,
            () if value > center + range / 2.0 => 255.0,
            () => ((value - center) / range + 0.5) * 255.0,
        };
        (shown + 0.5).floor()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_as_the_standard_has_them() {
        // Oracle: C.11.2.1.2.1 notes for c = 2048, w = 4096 and c = 2048, w = 1; C.11.2.1.3.2 by hand.
        let window = |center, width, function| Window::new(center, width, function).unwrap();
        let all = window(2048.0, 4096.0, None);
        assert_eq!([0.0, 4095.0, -5.0, 9000.0, 2047.0].map(|x| all.of_value(x)), [0.0, 255.0, 0.0, 255.0, 127.0]);
        let step = window(2048.0, 1.0, Some("LINEAR"));
        assert_eq!([2047.0, 2048.0].map(|x| step.of_value(x)), [0.0, 255.0]);
        let exact = window(10.0, 20.0, Some("LINEAR_EXACT"));
        assert_eq!([0.0, 10.0, 20.0, 20.5].map(|x| exact.of_value(x)), [0.0, 128.0, 255.0, 255.0]);
    }

    #[test]
    fn other_windows_are_refused() {
        assert!(Window::new(1.0, 0.5, None).unwrap_err().contains("WindowWidth is 0.5"));
        assert!(Window::new(1.0, 0.0, Some("LINEAR_EXACT")).is_err());
        assert!(Window::new(1.0, 9.0, Some("SIGMOID")).unwrap_err().contains("SIGMOID"));
    }
}
