//! The bytes of a CSV file as the CSV reader is to see them.

use std::io::{self, Read};

use crate::model::CsvSettings;

/// Makes every line break one `\n`, also within quotes, as Python does that opens the file; and drops blanks after a delimiter
/// outside quotes (`skipinitialspace`), which the CSV reader cannot do.
pub(super) struct CsvBytes<R> {
    inner: R,
    skips_blanks: bool,
    delimiter: u8,
    quote: u8,
    quoted: bool,
    at_start: bool,
    after_return: bool,
}

impl<R> CsvBytes<R> {
    pub(super) fn new(inner: R, settings: &CsvSettings) -> Self {
        let CsvSettings { delimiter, quote, skip_initial_space: skips_blanks, .. } = *settings;
        Self { inner, skips_blanks, delimiter, quote, quoted: false, at_start: true, after_return: false }
    }

    /// What stands for a byte.
    fn kept(&mut self, byte: u8) -> Option<u8> {
        let follows_return = std::mem::replace(&mut self.after_return, byte == b'\r');
        let byte = match byte {
            b'\n' if follows_return => return None,
            b'\r' => b'\n',
            byte => byte,
        };
        if self.skips_blanks {
            if byte == b' ' && self.at_start && !self.quoted {
                return None;
            }
            if byte == self.quote {
                self.quoted = !self.quoted;
            }
            self.at_start = !self.quoted && (byte == self.delimiter || byte == b'\n');
        }
        Some(byte)
    }
}

impl<R: Read> Read for CsvBytes<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let length = self.inner.read(buffer)?;
            if !self.skips_blanks && !self.after_return && !buffer[..length].contains(&b'\r') {
                return Ok(length);
            }
            let mut kept = 0;
            for index in 0..length {
                if let Some(byte) = self.kept(buffer[index]) {
                    buffer[kept] = byte;
                    kept += 1;
                }
            }
            if kept > 0 || length == 0 {
                return Ok(kept);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, so that a pair is never read at once.
    struct Single<'b>(&'b [u8]);

    impl Read for Single<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.0.len().min(1);
            self.0.read(&mut buffer[..length])
        }
    }

    #[test]
    fn every_line_break_is_one_sign() {
        let text = b"a,b\r\n\"x\r\ny\rz\n\", 1\r\r\n\n";
        for (skip_initial_space, expected) in
            [(false, "a,b\n\"x\ny\nz\n\", 1\n\n\n"), (true, "a,b\n\"x\ny\nz\n\",1\n\n\n")]
        {
            let settings = CsvSettings { skip_initial_space, ..CsvSettings::default() };
            for reader in
                [&mut CsvBytes::new(&text[..], &settings) as &mut dyn Read, &mut CsvBytes::new(Single(text), &settings)]
            {
                let mut read = String::new();
                reader.read_to_string(&mut read).expect("a text");
                assert_eq!(read, expected);
            }
        }
    }
}
