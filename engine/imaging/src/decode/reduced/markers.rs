//! The markers up to the scan, as far as they concern it.
//!
//! libjpeg has read them before and found nothing to warn of; what is read here once more is what decoding
//! needs. Anything rare is refused.

/// What a file says about its only scan.
pub(super) struct Image<'a> {
    pub(super) width: usize,
    pub(super) height: usize,
    /// One (gray) or three, in the order of the scan.
    pub(super) components: Vec<Component>,
    /// Tables by class (DC, AC) and number.
    pub(super) codes: [[Option<Code<'a>>; 4]; 2],
    /// MCUs between restart markers; 0 is none.
    pub(super) interval: usize,
    /// From the first byte of entropy-coded data to the end of the file.
    pub(super) scan: &'a [u8],
}

pub(super) struct Component {
    pub(super) horizontal: usize,
    pub(super) vertical: usize,
    /// In zigzag order.
    pub(super) quant: [u8; 64],
    /// Numbers of its DC and its AC table.
    pub(super) tables: [usize; 2],
}

/// A Huffman code as stored: how many codes there are of 1 to 16 bits, and what they mean.
#[derive(Clone, Copy)]
pub(super) struct Code<'a> {
    pub(super) counts: &'a [u8; 16],
    pub(super) symbols: &'a [u8],
}

/// An identifier, sampling factors and the number of a quantisation table.
type Stored = [u8; 3];

#[derive(Default)]
struct Reader<'a> {
    quants: [Option<[u8; 64]>; 4],
    codes: [[Option<Code<'a>>; 4]; 2],
    interval: usize,
    frame: Option<(usize, usize, Vec<Stored>)>,
}

impl<'a> Image<'a> {
    pub(super) fn read(jpeg: &'a [u8]) -> Option<Self> {
        let mut rest = jpeg.strip_prefix(&[0xff, 0xd8])?;
        let mut reader = Reader::default();
        loop {
            let &[0xff, marker, high, low, ..] = rest else {
                return None;
            };
            let length = usize::from(u16::from_be_bytes([high, low]));
            let data = rest.get(4..2 + length)?;
            rest = &rest[2 + length..];
            match marker {
                0xc0 | 0xc1 => reader.frame(data)?,
                0xc4 => reader.codes(data)?,
                0xdb => reader.quants(data)?,
                0xdd => reader.interval = u16::from_be_bytes(data.try_into().ok()?).into(),
                0xda => return reader.scan(data, rest),
                0xe0..=0xef | 0xfe => {}
                _ => return None,
            }
        }
    }
}

impl<'a> Reader<'a> {
    fn frame(&mut self, data: &[u8]) -> Option<()> {
        let (&[8, h1, h0, w1, w0, count], rest) = data.split_first_chunk()? else {
            return None;
        };
        let (components, tail) = rest.as_chunks::<3>();
        let whole = tail.is_empty() && components.len() == usize::from(count);
        if self.frame.is_some() || !whole || !matches!(count, 1 | 3) {
            return None;
        }
        let [height, width] = [[h1, h0], [w1, w0]].map(|pair| usize::from(u16::from_be_bytes(pair)));
        self.frame = (width > 0 && height > 0).then(|| (width, height, components.to_vec()));
        Some(())
    }

    fn codes(&mut self, mut data: &'a [u8]) -> Option<()> {
        while let Some((&head, rest)) = data.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let total = counts.iter().map(|n| usize::from(*n)).sum();
            let (symbols, rest) = rest.split_at_checked(total)?;
            let place = self
                .codes
                .get_mut(usize::from(head >> 4))?
                .get_mut(usize::from(head & 15))?;
            *place = (total <= 256).then_some(Code { counts, symbols });
            data = rest;
        }
        Some(())
    }

    fn quants(&mut self, mut data: &[u8]) -> Option<()> {
        while let Some((&head, rest)) = data.split_first() {
            // The high half says 16 bits, which no baseline file has.
            let (table, rest) = rest.split_first_chunk::<64>()?;
            *self.quants.get_mut(usize::from(head))? = Some(*table);
            data = rest;
        }
        Some(())
    }

    fn scan(self, data: &[u8], scan: &'a [u8]) -> Option<Image<'a>> {
        let (width, height, stored) = self.frame?;
        let (&count, rest) = data.split_first()?;
        let (named, tail) = rest.as_chunks::<2>();
        // The whole spectrum at once, at full precision.
        let whole = *tail == [0] && named.last()? == &[0, 63];
        let named = &named[..named.len() - 1];
        if !whole || named.len() != usize::from(count) || named.len() != stored.len() {
            return None;
        }
        let repeated = |at: usize| stored[..at].iter().any(|other| other[0] == stored[at][0]);
        let mut components = Vec::new();
        for (at, (&[name, factors, quant], &[wanted, tables])) in stored.iter().zip(named).enumerate() {
            if name != wanted || repeated(at) {
                return None;
            }
            components.push(Component {
                horizontal: usize::from(factors >> 4),
                vertical: usize::from(factors & 15),
                quant: (*self.quants.get(usize::from(quant))?)?,
                tables: [usize::from(tables >> 4), usize::from(tables & 15)],
            });
        }
        let image = Image {
            width,
            height,
            components,
            codes: self.codes,
            interval: self.interval,
            scan,
        };
        image.is_known().then_some(image)
    }
}

impl Image<'_> {
    /// Gray, 4:4:4 or 4:2:0, each written in the usual way.
    fn is_known(&self) -> bool {
        let factors: Vec<_> = self
            .components
            .iter()
            .map(|c| (c.horizontal, c.vertical))
            .collect();
        matches!(factors[..], [(1, 1)] | [(1, 1) | (2, 2), (1, 1), (1, 1)])
    }
}
