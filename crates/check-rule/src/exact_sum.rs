//! A sum of floats without error: what a window sums to depends on what is in it and on nothing that was, so it is the
//! same to the last bit wherever time was cut.
//!
//! A superaccumulator (Kulisch): every finite float is a whole number of 2^-1074, and that number is added to digits of 32
//! bits. Digits are not carried while adding; each has room for 2^31 additions.

const DIGIT_BITS: u32 = 32;
/// The largest float has its top bit at 2^1023, that is at bit 2097 of the accumulator; the rest is room for carries.
const DIGITS: usize = 68;
const MANTISSA_BITS: u32 = 52;
const EXPONENT_MASK: u64 = 0x7ff;

/// The exact sum of the finite floats that have been added and not removed.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExactSum {
    /// Digits that may differ from 0; those below and above are 0.
    digits: Vec<i64>,
    /// Which digit the first one is.
    low: usize,
}

impl ExactSum {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Memory beside the structure itself, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.digits.capacity() * size_of::<i64>()
    }

    /// `value` must be finite.
    pub(crate) fn add(&mut self, value: f64) {
        self.shift_in(value, value.is_sign_negative());
    }

    /// `value` must have been added.
    pub(crate) fn remove(&mut self, value: f64) {
        self.shift_in(value, !value.is_sign_negative());
    }

    /// Forgets everything; cheaper than removing one by one.
    pub(crate) fn clear(&mut self) {
        self.digits.clear();
    }

    fn shift_in(&mut self, value: f64, negative: bool) {
        let bits = value.to_bits();
        let exponent = (bits >> MANTISSA_BITS) & EXPONENT_MASK;
        let fraction = bits & ((1 << MANTISSA_BITS) - 1);
        // Subnormal numbers have no hidden bit and the exponent of the smallest normal ones.
        let (mantissa, position) = match exponent {
            0 => (fraction, 0),
            normal => (fraction | (1 << MANTISSA_BITS), normal as u32 - 1),
        };
        let index = (position / DIGIT_BITS) as usize;
        let shifted = u128::from(mantissa) << (position % DIGIT_BITS);
        let first = self.reach(index);
        for (offset, digit) in self.digits[first..first + 3].iter_mut().enumerate() {
            let part = ((shifted >> (DIGIT_BITS as usize * offset)) & 0xffff_ffff) as i64;
            *digit += if negative { -part } else { part };
        }
    }

    /// Makes room for three digits from `index` on; answers where they are.
    fn reach(&mut self, index: usize) -> usize {
        if self.digits.is_empty() {
            self.low = index;
        }
        if index < self.low {
            let missing = self.low - index;
            self.digits.splice(0..0, std::iter::repeat_n(0, missing));
            self.low = index;
        }
        let first = index - self.low;
        if self.digits.len() < first + 3 {
            self.digits.resize(first + 3, 0);
        }
        first
    }

    /// The sum, rounded to the nearest float, ties to even; infinite when no float is near.
    pub(crate) fn value(&self) -> f64 {
        let Some((negative, digits)) = self.magnitude() else {
            return 0.0;
        };
        let magnitude = round(&digits, self.low as u32 * DIGIT_BITS);
        if negative { -magnitude } else { magnitude }
    }

    /// The sign and the digits from `low` up, carried, each in `0..2^32`, the last not 0; `None` for 0.
    fn magnitude(&self) -> Option<(bool, CarriedDigits)> {
        let touched = self.digits.as_slice();
        let carried = CarriedDigits::of(touched, 1);
        let (negative, mut carried) = match carried {
            Ok(carried) => (false, carried),
            Err(NegativeSum) => (true, CarriedDigits::of(touched, -1).ok()?),
        };
        while carried.count > 0 && carried.digits[carried.count - 1] == 0 {
            carried.count -= 1;
        }
        (carried.count > 0).then_some((negative, carried))
    }
}

/// The exact sum of finite floats, rounded once.
pub(crate) fn exact_sum(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut sum = ExactSum::new();
    for value in values {
        sum.add(value);
    }
    sum.value()
}

struct CarriedDigits {
    digits: [u32; DIGITS + 2],
    count: usize,
}

struct NegativeSum;

impl CarriedDigits {
    fn of(touched: &[i64], sign: i64) -> Result<Self, NegativeSum> {
        let mut digits = [0; DIGITS + 2];
        let mut carry = 0_i64;
        for (digit, carried) in touched.iter().zip(&mut digits) {
            let with_carry = digit * sign + carry;
            *carried = (with_carry & 0xffff_ffff) as u32;
            carry = with_carry >> DIGIT_BITS;
        }
        if carry < 0 {
            return Err(NegativeSum);
        }
        digits[touched.len()] = (carry & 0xffff_ffff) as u32;
        digits[touched.len() + 1] = (carry >> DIGIT_BITS) as u32;
        Ok(Self {
            digits,
            count: touched.len() + 2,
        })
    }

    /// Up to 64 bits that begin at a bit.
    fn bits_from(&self, bit: u32) -> u64 {
        let index = (bit / DIGIT_BITS) as usize;
        let mut bits = 0_u128;
        for offset in 0..3 {
            let digit = self.digits.get(index + offset).copied().unwrap_or(0);
            bits |= u128::from(digit) << (DIGIT_BITS as usize * offset);
        }
        (bits >> (bit % DIGIT_BITS)) as u64
    }

    fn has_bit_below(&self, bit: u32) -> bool {
        let index = (bit / DIGIT_BITS) as usize;
        let partial = self.digits[index] & ((1_u32 << (bit % DIGIT_BITS)) - 1);
        partial != 0 || self.digits[..index].iter().any(|digit| *digit != 0)
    }
}

/// The float nearest to the digits, whose first bit stands for 2^(first_position - 1074).
fn round(digits: &CarriedDigits, first_position: u32) -> f64 {
    let last = digits.count - 1;
    let top_bit = last as u32 * DIGIT_BITS + (DIGIT_BITS - 1 - digits.digits[last].leading_zeros());
    let top_position = top_bit + first_position;
    if top_position <= MANTISSA_BITS {
        // So small that its bits are those of the float, without rounding.
        return f64::from_bits(digits.bits_from(0) << first_position);
    }
    if top_bit <= MANTISSA_BITS {
        // Not more bits than a float holds.
        let mantissa = digits.bits_from(0) << (MANTISSA_BITS - top_bit);
        return compose(mantissa, top_position);
    }
    let lowest_kept = top_bit - MANTISSA_BITS;
    let mantissa = digits.bits_from(lowest_kept) & ((1 << (MANTISSA_BITS + 1)) - 1);
    let half = digits.bits_from(lowest_kept - 1) & 1 == 1;
    let rounds_up = half && (mantissa & 1 == 1 || digits.has_bit_below(lowest_kept - 1));
    compose(mantissa + u64::from(rounds_up), top_position)
}

/// A float from 53 bits, the top one at `top_position`. A mantissa of 54 bits carries into the exponent, as it should.
fn compose(mantissa: u64, top_position: u32) -> f64 {
    let exponent = u64::from(top_position - MANTISSA_BITS) + 1;
    let bits = (exponent << MANTISSA_BITS) + (mantissa - (1 << MANTISSA_BITS));
    if bits >= f64::INFINITY.to_bits() {
        return f64::INFINITY;
    }
    f64::from_bits(bits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(values: &[f64]) -> f64 {
        let mut sum = ExactSum::new();
        values.iter().for_each(|value| sum.add(*value));
        sum.value()
    }

    #[test]
    fn nothing_is_lost() {
        assert_eq!(sum(&[]), 0.0);
        assert_eq!(sum(&[1e308, 1.0, -1e308]), 1.0);
        assert_eq!(sum(&[0.1; 10]), 1.0);
        assert_eq!(sum(&[-0.5, -0.25]), -0.75);
        assert_eq!(sum(&[f64::MAX, f64::MAX]), f64::INFINITY);
        assert_eq!(sum(&[f64::MIN, f64::MIN]), f64::NEG_INFINITY);
        assert_eq!(sum(&[f64::MAX, f64::MAX, f64::MIN]), f64::MAX);
        let smallest = f64::from_bits(1);
        assert_eq!(sum(&[smallest, smallest]), f64::from_bits(2));
        assert_eq!(
            sum(&[f64::MIN_POSITIVE, -smallest]),
            f64::from_bits((1 << 52) - 1)
        );
    }

    #[test]
    fn halves_go_to_even() {
        let two_to_53 = 9_007_199_254_740_992.0;
        assert_eq!(sum(&[two_to_53, 1.0]), two_to_53);
        assert_eq!(sum(&[two_to_53, 2.0, 1.0]), two_to_53 + 4.0);
        assert_eq!(sum(&[two_to_53, 1.0, f64::from_bits(1)]), two_to_53 + 2.0);
        assert_eq!(sum(&[two_to_53 - 1.0, 0.5]), two_to_53);
    }

    fn finite() -> impl Strategy<Value = f64> {
        prop_oneof![
            any::<f64>().prop_filter("finite", |value| value.is_finite()),
            -1e6..1e6,
            (-1000_i32..1000).prop_map(f64::from),
        ]
    }

    proptest! {
        /// One addition is what the processor rounds right by itself.
        #[test]
        fn two_floats_sum_as_the_processor_sums_them(left in finite(), right in finite()) {
            prop_assert_eq!(sum(&[left, right]), left + right);
            let mut sum = ExactSum::new();
            sum.add(left);
            sum.remove(right);
            prop_assert_eq!(sum.value(), left - right);
        }

        /// Whole multiples of 2^-20 sum exactly as integers do; the integer then rounds as a cast does.
        #[test]
        fn many_floats_sum_as_integers(units in prop::collection::vec(-(1_i64 << 53)..(1 << 53), 0..100)) {
            let scale = f64::from(1 << 20);
            let values: Vec<f64> = units.iter().map(|unit| *unit as f64 / scale).collect();
            let total: i128 = units.iter().map(|unit| i128::from(*unit)).sum();
            prop_assert_eq!(sum(&values), total as f64 / scale);
        }

        #[test]
        fn what_is_removed_leaves_no_trace(
            kept in prop::collection::vec(finite(), 0..20),
            removed in prop::collection::vec(finite(), 0..20),
        ) {
            let mut used = ExactSum::new();
            removed.iter().chain(&kept).for_each(|value| used.add(*value));
            removed.iter().for_each(|value| used.remove(*value));
            prop_assert_eq!(used.value().to_bits(), sum(&kept).to_bits());
            let backwards: Vec<f64> = kept.iter().rev().copied().collect();
            prop_assert_eq!(sum(&backwards).to_bits(), sum(&kept).to_bits());
        }
    }
}
