//! Entropy-coded bytes without their stuffing, and a buffer of bits over them.
//!
//! Stuffed zeros are taken out ahead, a window at a time, so that no refill has to look for them and
//! the place of the next marker is known before it is reached. The window is a power of two, so a position is masked
//! instead of checked: a file that runs out decodes rubbish for a moment, until the count says so.

const SIZE: usize = 1 << 16;

/// A group of MCUs takes less: 8 of 6 blocks of 64 symbols of 31 bits.
const GROUP: usize = SIZE / 4;

pub(super) type Bytes = [u8; SIZE + 8];

/// The bytes of one restart segment, as far as they are taken in.
pub(super) struct Window<'a> {
    pub(super) bytes: Box<Bytes>,
    end: usize,
    source: &'a [u8],
    /// The segment ends in the window.
    whole: bool,
}

/// Bits that are read but not yet used, the next one highest.
#[derive(Clone, Copy, Default)]
pub(super) struct Cursor {
    pub(super) buffer: u64,
    bits: u32,
    position: usize,
}

impl Cursor {
    /// At least 56 bits are there afterwards. What is beyond the counted ones is already right, too, so
    /// or-ing it in again changes nothing.
    #[inline(always)]
    pub(super) fn refill(&mut self, bytes: &Bytes) {
        let at = self.position & (SIZE - 1);
        let word = bytes[at..at + 8].try_into().map_or(0, u64::from_be_bytes);
        self.buffer |= word.wrapping_shr(self.bits);
        self.position += (63 - self.bits as usize) >> 3;
        self.bits |= 0x38;
    }

    #[inline(always)]
    pub(super) fn drop(&mut self, bits: u32) {
        self.buffer = self.buffer.wrapping_shl(bits);
        self.bits = self.bits.wrapping_sub(bits & 63);
    }
}

impl<'a> Window<'a> {
    pub(super) fn new(source: &'a [u8]) -> Option<(Self, Cursor)> {
        let bytes = vec![0; SIZE + 8].into_boxed_slice().try_into().ok()?;
        let mut window = Self {
            bytes,
            end: 0,
            source,
            whole: false,
        };
        let cursor = window.start()?;
        Some((window, cursor))
    }

    /// Makes sure that a group's bytes are there, or all that are left; `None` once more bits were used
    /// than there are.
    #[inline]
    pub(super) fn prepare(&mut self, cursor: &mut Cursor) -> Option<()> {
        if !self.whole && cursor.position > SIZE - GROUP {
            self.bytes.copy_within(cursor.position..self.end, 0);
            self.end -= cursor.position;
            cursor.position = 0;
            self.fill()?;
        }
        self.left(cursor).map(|_| ())
    }

    /// Steps over a restart marker, which must stand where the bits end.
    pub(super) fn restart(&mut self, cursor: &Cursor, number: u8) -> Option<Cursor> {
        self.finish(cursor, 0xd0 | number)?;
        self.source = self.source.get(2..)?;
        self.start()
    }

    /// Whether all bytes are used and the marker follows.
    pub(super) fn finish(&self, cursor: &Cursor, marker: u8) -> Option<()> {
        let over = self.whole && self.left(cursor)? < 8;
        (over && self.source.get(1) == Some(&marker)).then_some(())
    }

    fn start(&mut self) -> Option<Cursor> {
        self.end = 0;
        self.whole = false;
        self.fill()?;
        let mut cursor = Cursor::default();
        cursor.refill(&self.bytes);
        Some(cursor)
    }

    /// Bits not yet used.
    fn left(&self, cursor: &Cursor) -> Option<usize> {
        (self.end * 8 + cursor.bits as usize).checked_sub(cursor.position * 8)
    }

    fn fill(&mut self) -> Option<()> {
        while self.end < SIZE {
            self.copy_plain();
            while let Some((&byte, rest)) = self.source.split_first()
                && self.end < SIZE
            {
                if byte != 0xff {
                    self.source = rest;
                } else if rest.first()? == &0 {
                    self.source = &rest[1..];
                } else {
                    self.whole = true;
                    return Some(());
                }
                self.bytes[self.end] = byte;
                self.end += 1;
                if byte == 0xff {
                    break;
                }
            }
            if self.source.is_empty() {
                return None;
            }
        }
        Some(())
    }

    /// Copies as long as whole chunks hold no 0xff.
    fn copy_plain(&mut self) {
        const CHUNK: usize = 16;
        let from = self.source.as_chunks::<CHUNK>().0;
        let to = self.bytes[self.end..SIZE].as_chunks_mut::<CHUNK>().0;
        let mut count = 0;
        for (from, to) in from.iter().zip(to) {
            // Not `any`, which stops at the first and so makes no vectors.
            if from.iter().fold(0, |found, byte| found | u8::from(*byte == 0xff)) != 0 {
                break;
            }
            *to = *from;
            count += CHUNK;
        }
        self.end += count;
        self.source = &self.source[count..];
    }
}
