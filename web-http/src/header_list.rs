//! Header fields that list choices with weights, as `Accept-Encoding` and `Accept-Language` do. Ours,
//! because it is a page of grammar, and the crates for it know one field each. Pure.

/// The choices of a list like `de-AT, de;q=0.9, *;q=0.1`, in their order, each with its weight in
/// thousandths; what is not written as RFC 9110 (12.4.2) says is left out.
pub fn weighted(list: &str) -> impl Iterator<Item = (&str, u16)> {
    list.split(',').filter_map(|choice| {
        let mut parts = choice.split(';').map(|part| part.trim_matches([' ', '\t']));
        let name = parts.next().filter(|name| !name.is_empty())?;
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        Some((name, weight.map_or(Some(1000), thousandths)?))
    })
}

/// From `0` to `1`, with at most three decimals.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let decimals = format!("{decimals:0<3}").parse().ok()?;
    match whole {
        "0" => Some(decimals),
        "1" if decimals == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(list: &str) -> Vec<(&str, u16)> {
        weighted(list).collect()
    }

    #[test]
    fn spaces_are_optional_and_a_weight_is_one_where_none_is_said() {
        let all = [("de-AT", 1000), ("de", 900), ("*", 1)];
        assert_eq!(list("de-AT,de;q=0.9,*;q=0.001"), all);
        assert_eq!(list(" de-AT ,\tde ; q=0.900 , * ;\tQ=0.001 ,"), all);
        assert_eq!(
            list("text/csv;charset=utf-8;q=0, br;q=1.000, x;q=0."),
            [("text/csv", 0), ("br", 1000), ("x", 0)]
        );
    }

    #[test]
    fn nonsense_is_left_out_and_the_rest_is_read() {
        for nonsense in ["", ",", ";", ";q=1", "de;q=", "de;q=2", "de;q=-1", "de;q=1.001", "de;q=0.1234"] {
            assert_eq!(list(nonsense), [], "{nonsense}");
        }
        for nonsense in ["de;q=nan", "de;q=inf", "de;q=1e0", "de;q=.5", "de;q=+1", "de;q=0.+1", "de;q= 1"] {
            assert_eq!(list(&format!("{nonsense}, en;q=0.5")), [("en", 500)], "{nonsense}");
        }
        assert_eq!(list(&"de;q=0.5,;;q=,".repeat(2_000)).len(), 2_000);
    }
}
