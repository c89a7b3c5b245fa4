//! The scan, eight MCUs at a time.

use super::Layout;
use super::bits::Window;
use super::block::LANES;
use super::channel::{Channel, Plane, Table, Tables};
use super::huffman::{Code, Keep, Skip};
use super::markers::Image;

pub(super) fn decode(image: &Image<'_>, denominator: usize, layout: Layout) -> Option<Vec<Plane>> {
    let mut scan = Scan::new(image, denominator, layout)?;
    scan.read(image)?;
    Some(
        scan.channels
            .into_iter()
            .map(|(channel, _)| channel.into_plane())
            .collect(),
    )
}

struct Scan {
    /// Each with the number of its tables.
    channels: Vec<(Channel, usize)>,
    tables: Vec<Tables>,
    rows: usize,
    columns: usize,
}

impl Scan {
    fn new(image: &Image<'_>, denominator: usize, layout: Layout) -> Option<Self> {
        let (wide, high) = image.components.first().map(|c| (c.horizontal, c.vertical))?;
        let (width, height) = (
            image.width.div_ceil(denominator),
            image.height.div_ceil(denominator),
        );
        let mut channels = Vec::new();
        let mut tables: Vec<Tables> = Vec::new();
        let mut known = Vec::new();
        for component in &image.components {
            let (right, down) = (wide / component.horizontal, high / component.vertical);
            // With planes of one size the transform makes up for the subsampling, as in libjpeg.
            let (size, plane) = match layout {
                Layout::Stored => (
                    8 / denominator,
                    Plane::new(width.div_ceil(right), height.div_ceil(down)),
                ),
                Layout::Even => (8 * right / denominator, Plane::new(width, height)),
            };
            let largest = Channel::harmless(&component.quant);
            let key = (component.tables, largest, size == 1);
            let number = match known.iter().position(|other| *other == key) {
                Some(number) => number,
                None => {
                    tables.push(Tables::new(
                        image,
                        component.tables,
                        (size > 1).then_some(largest),
                    )?);
                    known.push(key);
                    known.len() - 1
                }
            };
            channels.push((Channel::new(component, size, plane), number));
        }
        Some(Self {
            channels,
            tables,
            rows: image.height.div_ceil(8 * high),
            columns: image.width.div_ceil(8 * wide),
        })
    }

    fn read(&mut self, image: &Image<'_>) -> Option<()> {
        let (mut window, mut cursor) = Window::new(image.scan)?;
        let (mut left, mut number) = (image.interval, 0);
        for row in 0..self.rows {
            for column in (0..self.columns).step_by(LANES) {
                window.prepare(&mut cursor)?;
                for at in 0..LANES.min(self.columns - column) {
                    if image.interval > 0 {
                        if left == 0 {
                            cursor = window.restart(&cursor, number)?;
                            number = (number + 1) % 8;
                            left = image.interval;
                            self.channels
                                .iter_mut()
                                .for_each(|(channel, _)| channel.restart());
                        }
                        left -= 1;
                    }
                    for (channel, number) in &mut self.channels {
                        channel.read(&self.tables[*number], at, &mut cursor, &window.bytes)?;
                    }
                }
                for (channel, _) in &mut self.channels {
                    channel.write(column, row)?;
                }
            }
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
