//! A history step as a person would write it in a Dockerfile.

use crate::model::Image;

/// The longest piece of an instruction that a message quotes, in characters.
const QUOTE: usize = 60;

/// A layer as a message names it: by its number, from 0 as everywhere, and its instruction.
pub fn layer_name(image: &Image, layer: u32) -> String {
    let made_by = image.layers.get(layer as usize).and_then(|layer| layer.created_by.as_deref());
    match made_by.map(instruction).filter(|text| !text.is_empty()) {
        Some(text) if text.chars().count() > QUOTE => {
            format!("layer {layer} (`{}…`)", text.chars().take(QUOTE).collect::<String>().trim_end())
        }
        Some(text) => format!("layer {layer} (`{text}`)"),
        None => format!("layer {layer}"),
    }
}

/// Takes off what builders wrap around an instruction: `/bin/sh -c #(nop)  CMD ["x"]` is `CMD ["x"]`, and
/// `RUN /bin/sh -c make # buildkit` is `RUN make`. Build arguments (`|1 A=b /bin/sh -c …`) stay: they matter.
pub fn instruction(created_by: &str) -> String {
    let text = created_by.trim().strip_suffix("# buildkit").unwrap_or(created_by).trim();
    if let Some(rest) = text.strip_prefix("/bin/sh -c #(nop)") {
        return rest.trim().into();
    }
    match text.strip_prefix("RUN /bin/sh -c").or_else(|| text.strip_prefix("/bin/sh -c")) {
        Some(rest) => format!("RUN {}", rest.trim()),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrappings_come_off() {
        for (made, shown) in [
            ("/bin/sh -c #(nop)  CMD [\"x\"]", "CMD [\"x\"]"),
            ("/bin/sh -c #(nop) ADD file:1 in / ", "ADD file:1 in /"),
            ("/bin/sh -c apt-get update", "RUN apt-get update"),
            ("RUN /bin/sh -c make # buildkit", "RUN make"),
            ("COPY . /app # buildkit", "COPY . /app"),
            ("|1 A=b /bin/sh -c make", "|1 A=b /bin/sh -c make"),
            ("", ""),
        ] {
            assert_eq!(instruction(made), shown);
        }
    }
}
