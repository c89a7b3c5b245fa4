//! Reads SVG by `resvg`. Text is set in the one built-in font; nothing outside the file is ever read, and a file
//! that refers to something outside is refused rather than drawn with a hole (`external`).

mod external;
mod probe;
mod size;

use std::sync::Arc;

use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::{self, fontdb, roxmltree};
use stopbath_plugin::prelude::*;

static FONT: &[u8] = include_bytes!("../font/DejaVuSans-Bold.ttf");
const FAMILY: &str = "DejaVu Sans";

/// How large, and on what ground.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(crate = "stopbath_plugin::serde", default, deny_unknown_fields)]
#[schemars(crate = "stopbath_plugin::schemars")]
pub struct Params {
    /// Pixels across. Alone it sets the height too; with `height` the picture fits into both.
    #[schemars(range(min = 1, max = 16384))]
    pub width: Option<u32>,
    /// Pixels down.
    #[schemars(range(min = 1, max = 16384))]
    pub height: Option<u32>,
    /// Without `width` and `height`: times the size that the file states.
    #[schemars(range(min = 0.01, max = 100.0))]
    pub scale: f32,
    /// `#rrggbb`; left out, the ground is transparent.
    #[schemars(regex(pattern = "^#[0-9a-fA-F]{6}$"))]
    pub background: Option<String>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            width: None,
            height: None,
            scale: 1.0,
            background: None,
        }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct Svg;

impl Decoder for Svg {
    type Params = Params;
    const INFO: Info = Info::new(
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION"),
        env!("CARGO_PKG_DESCRIPTION"),
    )
    .media_types(&["image/svg+xml"])
    .fuel_base(5_000_000_000)
    .memory(256 << 20);

    fn probe(head: &[u8]) -> bool {
        probe::is_svg(head)
    }

    fn decode(input: &[u8], params: Params) -> Result<Frame, Error> {
        let background = params.background.as_deref().map(color).transpose()?;
        let tree = parse(input)?;
        let (width, height) = size::of(tree.size(), &params)?;
        let mut pixmap = Pixmap::new(width, height)
            .ok_or_else(|| Error::Unsupported(format!("a picture of {width} x {height} cannot be drawn")))?;
        if let Some(color) = background {
            pixmap.fill(color);
        }
        let zoom = Transform::from_scale(
            width as f32 / tree.size().width(),
            height as f32 / tree.size().height(),
        );
        resvg::render(&tree, zoom, &mut pixmap.as_mut());
        let pixels = pixmap.take_demultiplied();
        Frame::from_pixels(ImageInfo::new(width, height, PixelFormat::Rgba8), &pixels)
    }
}
stopbath_plugin::export_decoder!(Svg);

/// Drawing goes as deep as the elements do, and the stack has an end.
const DEEPEST: usize = 200;

/// In one pass, as parents come before their children.
fn is_deeper(document: &roxmltree::Document<'_>, limit: usize) -> bool {
    let mut depths: Vec<usize> = Vec::new();
    document.descendants().any(|node| {
        let above = node
            .parent()
            .and_then(|parent| depths.get(parent.id().get_usize()));
        let depth = above.map_or(0, |above| above + 1);
        depths.push(depth);
        depth > limit
    })
}

fn parse(input: &[u8]) -> Result<usvg::Tree, Error> {
    let text = std::str::from_utf8(input)
        .map_err(|error| Error::BadInput(format!("not UTF-8 at byte {}", error.valid_up_to())))?;
    let options = roxmltree::ParsingOptions {
        allow_dtd: true,
        ..Default::default()
    };
    let document = roxmltree::Document::parse_with_options(text, options)
        .map_err(|error| Error::BadInput(format!("not well-formed: {error}")))?;
    if is_deeper(&document, DEEPEST) {
        return Err(Error::BadInput(format!(
            "elements lie in each other more than {DEEPEST} deep; flatten the groups"
        )));
    }
    if let Some(reference) = external::first(&document) {
        return Err(Error::Unsupported(format!(
            "the picture needs {reference}; embed it, nothing else is read"
        )));
    }
    usvg::Tree::from_xmltree(&document, &options_with_font())
        .map_err(|error| Error::BadInput(error.to_string()))
}

fn options_with_font() -> usvg::Options<'static> {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(FONT.to_vec());
    fonts.set_serif_family(FAMILY);
    fonts.set_sans_serif_family(FAMILY);
    fonts.set_monospace_family(FAMILY);
    fonts.set_cursive_family(FAMILY);
    fonts.set_fantasy_family(FAMILY);
    usvg::Options {
        font_family: FAMILY.to_owned(),
        fontdb: Arc::new(fonts),
        image_href_resolver: usvg::ImageHrefResolver {
            resolve_data: usvg::ImageHrefResolver::default_data_resolver(),
            resolve_string: Box::new(|_, _| None),
        },
        ..usvg::Options::default()
    }
}

fn color(text: &str) -> Result<Color, Error> {
    let digits = text
        .strip_prefix('#')
        .filter(|digits| digits.len() == 6 && !digits.starts_with('+'));
    let value = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    value
        .map(|value| Color::from_rgba8((value >> 16) as u8, (value >> 8) as u8, value as u8, 255))
        .ok_or_else(|| {
            Error::InvalidParams(format!(
                "`background`: got `{text}`, expected a colour like `#ff8800`"
            ))
        })
}
