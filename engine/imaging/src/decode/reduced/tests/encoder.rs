//! JPEGs to decode, written by libjpeg-turbo with whatever option a test wants.
#![expect(unsafe_code, reason = "the safe binding has no restart intervals")]

use std::ptr::null_mut;

use turbojpeg::raw;

#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) subsampling: raw::TJSAMP,
    pub(super) quality: i32,
    /// MCUs between restart markers.
    pub(super) restart: i32,
    pub(super) optimise: bool,
    pub(super) progressive: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            width: 40,
            height: 30,
            subsampling: raw::TJSAMP_TJSAMP_420,
            quality: 85,
            restart: 0,
            optimise: false,
            progressive: false,
        }
    }
}

/// Encodes pixels of three bytes.
pub(super) fn encode(rgb: &[u8], options: &Options) -> Vec<u8> {
    assert_eq!(rgb.len(), options.width * options.height * 3);
    let (mut out, mut length) = (null_mut(), 0);
    // SAFETY: the handle is made and destroyed here; the buffer holds the rows that the sizes tell; the
    // library allocates the output, which is copied and freed once.
    unsafe {
        let handle = raw::tj3Init(raw::TJINIT_TJINIT_COMPRESS as i32);
        for (param, value) in [
            (raw::TJPARAM_TJPARAM_SUBSAMP, options.subsampling),
            (raw::TJPARAM_TJPARAM_QUALITY, options.quality),
            (raw::TJPARAM_TJPARAM_RESTARTBLOCKS, options.restart),
            (raw::TJPARAM_TJPARAM_OPTIMIZE, options.optimise.into()),
            (raw::TJPARAM_TJPARAM_PROGRESSIVE, options.progressive.into()),
        ] {
            assert_eq!(raw::tj3Set(handle, param as i32, value), 0);
        }
        let code = raw::tj3Compress8(
            handle,
            rgb.as_ptr(),
            options.width as i32,
            0,
            options.height as i32,
            raw::TJPF_TJPF_RGB,
            &raw mut out,
            &raw mut length,
        );
        assert_eq!(code, 0);
        let jpeg = std::slice::from_raw_parts(out, length as usize).to_vec();
        raw::tj3Free(out.cast());
        raw::tj3Destroy(handle);
        jpeg
    }
}
