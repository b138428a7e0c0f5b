//! Answers of the server, read while they arrive.
//!
//! An answer is one JSON object, of any size, whose `data.result` is a list of series. [`Cutter`] takes the series out of
//! it one by one, so that no more than one of them and the rest, the *frame*, is held as text; [`Element`] reads one.

use std::borrow::Cow;
use std::fmt;

use aops_api::Labels;
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The frame has the status, warnings and errors: text for people.
const MAXIMUM_FRAME_BYTES: usize = 1024 * 1024;

/// Why an answer cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum DecodeError {
    #[error("ends before its end")]
    Cut,
    #[error("is not the JSON that was expected: {0}")]
    Unexpected(String),
    #[error("has a series of more than {0} bytes")]
    TooLong(usize),
}

/// Cuts the elements of `data.result` out of an answer.
#[derive(Debug)]
pub(super) struct Cutter {
    maximum_element_bytes: usize,
    frame: Vec<u8>,
    /// What of an element the last bytes ended in.
    element: Vec<u8>,
    depth: usize,
    is_in_text: bool,
    is_escaped: bool,
    /// The last text of the frame: the key, when a list or an object begins.
    text: Vec<u8>,
    is_in_data: bool,
    is_in_result: bool,
}

/// Where elements are: the object, `data` in it, the list.
const RESULT_DEPTH: usize = 3;

impl Cutter {
    pub(super) fn new(maximum_element_bytes: usize) -> Self {
        Self {
            maximum_element_bytes,
            frame: Vec::new(),
            element: Vec::new(),
            depth: 0,
            is_in_text: false,
            is_escaped: false,
            text: Vec::new(),
            is_in_data: false,
            is_in_result: false,
        }
    }

    /// Reads on, and hands over each element that is whole now.
    pub(super) fn read<E: From<DecodeError>>(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rest = bytes;
        while let Some((first, after)) = rest.split_first() {
            let is_element = self.is_in_result && (self.depth > RESULT_DEPTH || *first == b'{');
            if !is_element {
                self.read_frame(*first)?;
                rest = after;
                continue;
            }
            let (read, is_whole) = self.scan_element(rest);
            let (piece, after) = rest.split_at(read);
            rest = after;
            if self.element.len() + piece.len() > self.maximum_element_bytes {
                return Err(DecodeError::TooLong(self.maximum_element_bytes).into());
            }
            if is_whole && self.element.is_empty() {
                take(piece)?;
                continue;
            }
            self.element.extend_from_slice(piece);
            if is_whole {
                take(&self.element)?;
                self.element.clear();
            }
        }
        Ok(())
    }

    /// How many bytes belong to the element, and whether it ends with them.
    fn scan_element(&mut self, bytes: &[u8]) -> (usize, bool) {
        for (place, byte) in bytes.iter().enumerate() {
            if self.is_in_text {
                match byte {
                    _ if self.is_escaped => self.is_escaped = false,
                    b'\\' => self.is_escaped = true,
                    b'"' => self.is_in_text = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.is_in_text = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == RESULT_DEPTH {
                        return (place + 1, true);
                    }
                }
                _ => {}
            }
        }
        (bytes.len(), false)
    }

    fn read_frame(&mut self, byte: u8) -> Result<(), DecodeError> {
        // The commas between elements that are not there.
        if self.is_in_result && byte == b',' {
            return Ok(());
        }
        if self.frame.len() >= MAXIMUM_FRAME_BYTES {
            return Err(DecodeError::TooLong(MAXIMUM_FRAME_BYTES));
        }
        self.frame.push(byte);
        if self.is_in_text {
            self.read_text(byte);
            return Ok(());
        }
        match byte {
            b'"' => {
                self.is_in_text = true;
                self.text.clear();
            }
            b'{' | b'[' => self.open(byte),
            b'}' | b']' => self.close()?,
            _ => {}
        }
        Ok(())
    }

    fn read_text(&mut self, byte: u8) {
        match byte {
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' => self.is_escaped = true,
            b'"' => {
                self.is_in_text = false;
                return;
            }
            _ => {}
        }
        self.text.push(byte);
    }

    fn open(&mut self, byte: u8) {
        self.depth += 1;
        match self.depth {
            2 => self.is_in_data = byte == b'{' && self.text == b"data",
            RESULT_DEPTH => self.is_in_result = self.is_in_data && byte == b'[' && self.text == b"result",
            _ => {}
        }
    }

    fn close(&mut self) -> Result<(), DecodeError> {
        self.depth = self
            .depth
            .checked_sub(1)
            .ok_or_else(|| DecodeError::Unexpected("a bracket too many".to_owned()))?;
        if self.depth < RESULT_DEPTH {
            self.is_in_result = false;
        }
        Ok(())
    }

    /// The answer without the elements, when it is whole.
    pub(super) fn frame(self) -> Result<Frame, DecodeError> {
        if self.depth > 0 || self.frame.is_empty() {
            return Err(DecodeError::Cut);
        }
        read(&self.frame)
    }
}

/// What an answer says beside the series.
#[derive(Debug, Deserialize)]
pub(super) struct Frame {
    status: String,
    #[serde(default)]
    pub(super) warnings: Vec<String>,
    /// VictoriaMetrics: some of its nodes did not answer.
    #[serde(default, rename = "isPartial")]
    pub(super) is_partial: bool,
    data: Option<FrameData>,
}

#[derive(Debug, Deserialize)]
struct FrameData {
    #[serde(rename = "resultType")]
    result_type: String,
}

impl Frame {
    /// Refuses an answer that is not a list of series.
    pub(super) fn check(&self) -> Result<(), DecodeError> {
        match &self.data {
            Some(data) if self.status == "success" && data.result_type == "matrix" => Ok(()),
            Some(data) if self.status == "success" => Err(DecodeError::Unexpected(format!(
                "a result of type '{}'",
                data.result_type
            ))),
            _ => Err(DecodeError::Unexpected(format!("status '{}'", self.status))),
        }
    }
}

/// An answer that is a list, such as label values.
#[derive(Debug, Deserialize)]
pub(super) struct ListAnswer<T> {
    #[serde(default = "Vec::new")]
    pub(super) data: Vec<T>,
    #[serde(default)]
    pub(super) warnings: Vec<String>,
    #[serde(default, rename = "isPartial")]
    pub(super) is_partial: bool,
}

/// How the server says what went wrong.
#[derive(Debug, Deserialize)]
pub(super) struct ErrorAnswer {
    pub(super) error: String,
}

/// Reads JSON.
pub(super) fn read<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, DecodeError> {
    serde_json::from_slice(bytes).map_err(|error| match error.is_eof() {
        true => DecodeError::Cut,
        false => DecodeError::Unexpected(error.to_string()),
    })
}

/// One series of an answer.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Element {
    /// With `__name__` and `host_id`.
    pub(super) labels: Labels,
    pub(super) times_ms: Vec<i64>,
    pub(super) values: Vec<f64>,
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts;

        impl<'de> Visitor<'de> for Parts {
            type Value = Element;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a series")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Element, A::Error> {
                let mut element = Element::default();
                while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                    match key.as_ref() {
                        "metric" => element.labels = map.next_value()?,
                        "values" => map.next_value_seed(Samples(&mut element))?,
                        // Histograms are no samples of ours.
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(element)
            }
        }

        deserializer.deserialize_map(Parts)
    }
}

/// Reads `[[seconds, "value"], …]` into an element.
struct Samples<'element>(&'element mut Element);

impl<'de> de::DeserializeSeed<'de> for Samples<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Samples<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("samples")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some((seconds, text)) = list.next_element::<(f64, Cow<'de, str>)>()? {
            let value = text
                .parse()
                .map_err(|_| de::Error::invalid_value(de::Unexpected::Str(&text), &"a number in quotes"))?;
            // Whole milliseconds up to the year 10,000 and beyond: a float has more digits than they need.
            self.0.times_ms.push((seconds * 1_000.0).round() as i64);
            self.0.values.push(value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANSWER: &str = r#"{"status":"success","isPartial":false,"data":{"resultType":"matrix","result":[
        {"metric":{"__name__":"m","a":"}]\"\\"},"values":[[1795279719.001,"1"],[1795279720,"-Inf"]]} ,
        {"metric":{},"histograms":[[1,{"buckets":[]}]]},{"values":[[0.001,"NaN"],[1.7e9,"1e+06"]],"metric":{"b":"主"}}
        ],"stats":{"result":[1]}},"warnings":["half [of] it","\"}"]}"#;

    fn cut(answer: &[u8], at: usize) -> Result<(Vec<Element>, Frame), DecodeError> {
        let mut cutter = Cutter::new(1_000);
        let mut elements = Vec::new();
        let (head, tail) = answer.split_at(at.min(answer.len()));
        for bytes in [head, tail] {
            cutter.read(bytes, |element| {
                elements.push(read(element)?);
                Ok::<(), DecodeError>(())
            })?;
        }
        Ok((elements, cutter.frame()?))
    }

    #[test]
    fn an_answer_is_read_wherever_it_was_broken() {
        let bytes = ANSWER.as_bytes();
        for at in 0..bytes.len() {
            let (elements, frame) = cut(bytes, at).expect("readable");
            assert_eq!(elements.len(), 3, "{at}");
            assert_eq!(elements[0].labels["a"], "}]\"\\");
            assert_eq!(elements[0].times_ms, [1_795_279_719_001, 1_795_279_720_000]);
            assert_eq!(elements[0].values, [1.0, f64::NEG_INFINITY]);
            assert_eq!(elements[1], Element::default());
            assert_eq!(elements[2].times_ms, [1, 1_700_000_000_000]);
            assert_eq!(elements[2].values[0].to_bits(), f64::NAN.to_bits());
            assert_eq!(frame.warnings, ["half [of] it", "\"}"]);
            assert_eq!(frame.check(), Ok(()));
        }
    }

    #[test]
    fn an_answer_that_was_cut_off_is_refused() {
        let bytes = ANSWER.as_bytes();
        for end in 0..bytes.len() {
            let error = cut(&bytes[..end], end).expect_err("refused");
            assert_eq!(error, DecodeError::Cut, "{end}");
        }
    }

    #[test]
    fn what_was_not_expected_is_said() {
        let of = |text: &str| match cut(text.as_bytes(), 3) {
            Ok((_, frame)) => frame.check().expect_err(text).to_string(),
            Err(error) => error.to_string(),
        };
        assert!(
            of(r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#).contains("'vector'")
        );
        assert!(of(r#"{"status":"error","error":"x"}"#).contains("'error'"));
        assert!(of("<html>}").contains("bracket"));
        assert!(of("<html></html>").contains("expected"));
        assert!(of(r#"{"data":{"result":[{"values":[[1,"x"]]}]}}"#).contains("number in quotes"));
        let long = format!(
            r#"{{"data":{{"result":[{{"metric":{{"a":"{}"}}}}]}}}}"#,
            "x".repeat(1_000)
        );
        assert!(of(&long).contains("more than 1000 bytes"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in "[\\[\\]{}\",:dataresult0-9\\\\]{0,80}", at in 0..80_usize) {
            drop(cut(bytes.as_bytes(), at));
        }

        #[test]
        fn times_and_values_come_back(time_ms in 0..253_402_300_800_000_i64, value in any::<f64>()) {
            let seconds = time_ms as f64 / 1_000.0;
            let text = format!(r#"{{"values":[[{seconds},"{value}"]]}}"#);
            let element: Element = read(text.as_bytes()).expect("readable");
            prop_assert_eq!(element.times_ms, [time_ms]);
            prop_assert_eq!(element.values[0].to_bits(), value.to_bits());
        }
    }
}
