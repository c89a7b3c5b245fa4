//! The QOI code: each pixel as a run, a place in a table of 64 seen colours, a small difference, or in full.

/// Collects the file, pixel by pixel.
pub(crate) struct Writer {
    file: Vec<u8>,
    seen: [[u8; 4]; 64],
    last: [u8; 4],
    run: u8,
}

impl Writer {
    pub(crate) fn new(width: u32, height: u32) -> Self {
        let mut file = b"qoif".to_vec();
        file.extend(width.to_be_bytes());
        file.extend(height.to_be_bytes());
        // Channels, set at the end; sRGB with linear alpha.
        file.extend([4, 0]);
        Self {
            file,
            seen: [[0; 4]; 64],
            last: [0, 0, 0, 255],
            run: 0,
        }
    }

    pub(crate) fn push(&mut self, pixel: [u8; 4]) {
        if pixel == self.last {
            self.run += 1;
            if self.run == 62 {
                self.end_run();
            }
            return;
        }
        self.end_run();
        let [r, g, b, a] = pixel.map(usize::from);
        let place = (r * 3 + g * 5 + b * 7 + a * 11) % 64;
        if self.seen[place] == pixel {
            self.file.push(place as u8);
        } else {
            self.seen[place] = pixel;
            self.push_changed(pixel);
        }
        self.last = pixel;
    }

    /// The whole file, with the padding that ends it.
    pub(crate) fn finish(mut self, alpha: bool) -> Vec<u8> {
        self.end_run();
        self.file[12] = if alpha { 4 } else { 3 };
        self.file.extend([0, 0, 0, 0, 0, 0, 0, 1]);
        self.file
    }

    fn end_run(&mut self) {
        if self.run > 0 {
            self.file.push(0b1100_0000 | (self.run - 1));
            self.run = 0;
        }
    }

    fn push_changed(&mut self, [r, g, b, a]: [u8; 4]) {
        if a != self.last[3] {
            self.file.extend([0xff, r, g, b, a]);
            return;
        }
        let step = |new: u8, old: u8| new.wrapping_sub(old) as i8;
        let [dr, dg, db] = [
            step(r, self.last[0]),
            step(g, self.last[1]),
            step(b, self.last[2]),
        ];
        let (dr_dg, db_dg) = (dr.wrapping_sub(dg), db.wrapping_sub(dg));
        let small = -2..=1;
        let medium = -8..=7;
        if [dr, dg, db].iter().all(|step| small.contains(step)) {
            self.file
                .push(0b0100_0000 | ((dr + 2) << 4 | (dg + 2) << 2 | (db + 2)) as u8);
        } else if (-32..=31).contains(&dg) && medium.contains(&dr_dg) && medium.contains(&db_dg) {
            self.file.push(0b1000_0000 | (dg + 32) as u8);
            self.file.push(((dr_dg + 8) << 4) as u8 | (db_dg + 8) as u8);
        } else {
            self.file.extend([0xfe, r, g, b]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(pixels: &[[u8; 4]], alpha: bool) -> Vec<u8> {
        let mut writer = Writer::new(pixels.len() as u32, 1);
        for &pixel in pixels {
            writer.push(pixel);
        }
        writer.finish(alpha)
    }

    fn body(pixels: &[[u8; 4]]) -> Vec<u8> {
        let file = file(pixels, true);
        file[14..file.len() - 8].to_vec()
    }

    /// One for each chunk of the specification, coded by hand.
    #[test]
    fn each_kind_of_chunk() {
        assert_eq!(body(&[[0, 0, 0, 255]; 63]), [0xfd, 0xc0]);
        assert_eq!(body(&[[1, 255, 0, 255]]), [0b01_11_01_10]);
        assert_eq!(body(&[[20, 25, 28, 255]]), [0b1011_1001, 0b0011_1011]);
        assert_eq!(body(&[[200, 10, 10, 255]]), [0xfe, 200, 10, 10]);
        assert_eq!(body(&[[1, 2, 3, 4]]), [0xff, 1, 2, 3, 4]);
        let again = body(&[[200, 10, 10, 255], [90, 80, 70, 255], [200, 10, 10, 255]]);
        assert_eq!(
            again.last(),
            Some(&(((200 * 3 + 10 * 5 + 10 * 7 + 255 * 11) % 64) as u8))
        );
    }

    #[test]
    fn the_header_and_the_end() {
        let file = file(&[[0, 0, 0, 255]; 300], false);
        assert_eq!(file[..14], *b"qoif\0\0\x01\x2c\0\0\0\x01\x03\0");
        assert_eq!(file[file.len() - 8..], [0, 0, 0, 0, 0, 0, 0, 1]);
    }
}
