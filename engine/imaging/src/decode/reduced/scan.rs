//! The scan, eight MCUs at a time.

use super::bits::Window;
use super::block::LANES;
use super::channel::{Channel, Plane, Table, Tables};
use super::colour;
use super::huffman::{Code, Keep, Skip};
use super::markers::Image;

/// The planes as stored.
pub(super) fn planes(image: &Image<'_>, denominator: usize) -> Option<Vec<Plane>> {
    let mut scan = Scan::new(image, denominator, Layout::Stored)?;
    scan.read(image, |_, _| ())?;
    let planes = scan.channels.into_iter().map(|(channel, _)| channel.plane);
    Some(planes.collect())
}

/// Interleaved pixels of three components.
pub(super) fn rgb(image: &Image<'_>, denominator: usize) -> Option<Vec<u8>> {
    let mut scan = Scan::new(image, denominator, Layout::Strips)?;
    let [width, height] = [image.width, image.height].map(|side| side.div_ceil(denominator));
    let mut out = vec![0; width * height * 3];
    let strip = 8 * image.components.first()?.vertical / denominator * width;
    scan.read(image, |row, channels| {
        if let ([(y, _), (cb, _), (cr, _)], Some(out)) = (channels, out.chunks_mut(strip * 3).nth(row)) {
            colour::rgb([y, cb, cr].map(|channel| &channel.plane.bytes[..]), out);
        }
    })?;
    Some(out)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Whole planes; chroma keeps its subsampling.
    Stored,
    /// One row of MCUs at a time, all planes of the picture's width.
    Strips,
}

struct Scan {
    /// Each with the number of its tables.
    channels: Vec<(Channel, usize)>,
    tables: Vec<Tables>,
    rows: usize,
    columns: usize,
    layout: Layout,
}

impl Scan {
    fn new(image: &Image<'_>, denominator: usize, layout: Layout) -> Option<Self> {
        let (wide, high) = image.components.first().map(|c| (c.horizontal, c.vertical))?;
        let [width, height] = [image.width, image.height].map(|side| side.div_ceil(denominator));
        let mut channels = Vec::new();
        let mut tables: Vec<Tables> = Vec::new();
        let mut known = Vec::new();
        for component in &image.components {
            let (right, down) = (wide / component.horizontal, high / component.vertical);
            let (size, plane) = match layout {
                Layout::Stored => (
                    8 / denominator,
                    Plane::new(width.div_ceil(right), height.div_ceil(down)),
                ),
                // The transform makes up for the subsampling, as in libjpeg.
                Layout::Strips => (8 * right / denominator, Plane::new(width, 8 * high / denominator)),
            };
            let largest = Channel::harmless(&component.quant);
            let key = (component.tables, (size > 1).then_some(largest));
            let number = known.iter().position(|other| *other == key);
            if number.is_none() {
                tables.push(Tables::new(image, key.0, key.1)?);
                known.push(key);
            }
            let number = number.unwrap_or(known.len() - 1);
            channels.push((Channel::new(component, size, plane), number));
        }
        Some(Self {
            channels,
            tables,
            rows: image.height.div_ceil(8 * high),
            columns: image.width.div_ceil(8 * wide),
            layout,
        })
    }

    /// `done` sees every row of MCUs.
    fn read(&mut self, image: &Image<'_>, mut done: impl FnMut(usize, &[(Channel, usize)])) -> Option<()> {
        let (mut window, mut cursor) = Window::new(image.scan)?;
        let (mut left, mut number) = (image.interval, 0);
        for row in 0..self.rows {
            for column in (0..self.columns).step_by(LANES) {
                window.prepare(&mut cursor)?;
                for at in 0..LANES.min(self.columns - column) {
                    if image.interval > 0 && left == 0 {
                        cursor = window.restart(&cursor, number)?;
                        (left, number) = (image.interval, (number + 1) % 8);
                        self.channels
                            .iter_mut()
                            .for_each(|(channel, _)| channel.restart());
                    }
                    left = left.wrapping_sub(1);
                    for (channel, number) in &mut self.channels {
                        channel.read(&self.tables[*number], at, &mut cursor, &window.bytes)?;
                    }
                }
                for (channel, _) in &mut self.channels {
                    channel.write(column, if self.layout == Layout::Stored { row } else { 0 })?;
                }
            }
            done(row, &self.channels);
        }
        window.finish(&cursor, 0xd9)
    }
}

impl Tables {
    /// `largest` where coefficients are kept.
    fn new(image: &Image<'_>, [mean, rest]: [usize; 2], largest: Option<i32>) -> Option<Self> {
        let [means, rests] = &image.codes;
        let mean = Code::new(means.get(mean)?.as_ref()?)?;
        let rest = Code::new(rests.get(rest)?.as_ref()?)?;
        let table = match largest {
            None => Table::Skip(Skip::new(&rest)?),
            Some(largest) => Table::Keep(Keep::new(&rest, largest)?),
        };
        mean.has_only(|symbol| symbol < 16)
            .then_some(Self { mean, rest, table })
    }
}
