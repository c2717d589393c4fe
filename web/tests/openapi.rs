//! `/api/openapi.json` says what the interface for programs answers: all of it, for each unit.
#![allow(clippy::unwrap_used)]

mod site;

use std::io::Read;

use meter_ledger::{CorrectionKind, Ledger, NewCorrection};
use meter_messages::{Info, Medium, Meter, MeterReading, Unit};
use serde_json::Value;
use site::{Answer, Site, info, minute, record_as};
use tempfile::TempDir;

const SETTINGS: &str = "[[tariff]]\nprice_per_kwh = 0.30\nbase_fee_per_month = 9\n\
                        [[tariff]]\nmedium = 'gas'\nprice_per_m3 = 1.20\nco2_g_per_m3 = 2000\n\
                        [[meter]]\nid = 'hq/gas'\nbudget_m3_per_month = 5000\n";

/// A meter of electricity and one of gas, each with readings and corrections.
fn site() -> Site {
    let dir = TempDir::new().unwrap();
    let meters = [("hq/main", Unit::KilowattHour), ("hq/gas", Unit::CubicMetre)];
    let meters = meters.map(|(meter, unit)| (meter.parse::<Meter>().unwrap(), unit));
    record_as(dir.path(), &meters[0].0, &info("Strom"));
    record_as(dir.path(), &meters[1].0, &Info { medium: Medium::Gas, ..info("Gas") });
    let mut ledger = Ledger::open(&dir.path().join("ledger.sqlite")).unwrap();
    let mut batch = ledger.batch().unwrap();
    for (meter, unit) in meters {
        for (day, shown) in [("2025-10-20", 10_000.0), ("2025-10-30", 10_400.0)] {
            let at = format!("{day}T12:00:00Z").parse().unwrap();
            let reading = MeterReading { at, shown, unit, by: "anna".into(), replaced: false };
            batch.enter(&meter, &reading, daemon_runtime::now()).unwrap();
        }
        let hours = [("10", CorrectionKind::Void), ("12", CorrectionKind::Replace { pulses: 500 })];
        for (hour, kind) in hours {
            let at = |minutes: &str| minute(&format!("2025-10-26T{hour}:{minutes}:00Z"));
            let said =
                NewCorrection { span: at("00")..at("30"), kind, reason: "x".into(), by: "anna".into() };
            batch.correct(&meter, &said, daemon_runtime::now()).unwrap();
        }
    }
    batch.commit().unwrap();
    Site::set_up(dir, 1, SETTINGS)
}

/// The description.
struct Described(Value);

impl Described {
    /// What is meant by `$ref`, or the thing itself.
    fn real<'a>(&'a self, it: &'a Value) -> &'a Value {
        match it["$ref"].as_str() {
            Some(name) => self.0.pointer(name.strip_prefix('#').unwrap()).expect(name),
            None => it,
        }
    }

    /// What is wrong with an answer.
    fn fault(&self, schema: &Value, it: &Value, at: &str) -> Option<String> {
        let schema = self.real(schema).as_object().unwrap();
        let known =
            |word: &str| ["description", "format", "additionalProperties", "required"].contains(&word);
        schema.iter().find_map(|(word, said)| match word.as_str() {
            "type" => {
                let types = said.as_array().cloned().unwrap_or_else(|| vec![said.clone()]);
                let is = |name: &Value| match name.as_str().unwrap() {
                    "object" => it.is_object(),
                    "array" => it.is_array(),
                    "string" => it.is_string(),
                    "boolean" => it.is_boolean(),
                    "integer" => it.is_i64() || it.is_u64(),
                    "number" => it.is_number(),
                    "null" => it.is_null(),
                    other => panic!("{other}"),
                };
                (!types.iter().any(is)).then(|| format!("{at} is {it}, not {said}"))
            }
            "enum" => {
                (!said.as_array().unwrap().contains(it)).then(|| format!("{at} is {it}, not of {said}"))
            }
            "oneOf" => {
                let faults: Vec<_> =
                    said.as_array().unwrap().iter().map(|one| self.fault(one, it, at)).collect();
                if faults.iter().any(Option::is_none) { None } else { faults.into_iter().flatten().next() }
            }
            "items" => {
                let mut items = it.as_array().into_iter().flatten().enumerate();
                items.find_map(|(place, item)| self.fault(said, item, &format!("{at}/{place}")))
            }
            "minItems" | "maxItems" => {
                let is_so = it.as_array().is_none_or(|items| items.len() as u64 == said.as_u64().unwrap());
                (!is_so).then(|| format!("{at} is {it}"))
            }
            "properties" => self.fault_of_fields(schema, it, at),
            word if known(word) => None,
            word => panic!("{word} is not looked at"),
        })
    }

    /// Stricter than a schema: what is not described must not be there.
    fn fault_of_fields(
        &self,
        schema: &serde_json::Map<String, Value>,
        it: &Value,
        at: &str,
    ) -> Option<String> {
        let fields = it.as_object()?;
        let required = schema["required"].as_array().unwrap().iter();
        let mut missing = required.filter(|name| !fields.contains_key(name.as_str().unwrap()));
        if let Some(name) = missing.next() {
            return Some(format!("{at} has no {name}"));
        }
        fields.iter().find_map(|(name, value)| {
            match schema["properties"].get(name).or(schema.get("additionalProperties")) {
                Some(schema) => self.fault(schema, value, &format!("{at}/{name}")),
                None => Some(format!("{at}/{name} is not described")),
            }
        })
    }

    /// The address of a path with the examples of its parameters, those of a meter of gas if that is wanted.
    fn address(&self, path: &str, of: &Value, of_gas: bool) -> String {
        let (mut address, mut query) = (path.to_owned(), Vec::new());
        for parameter in of["parameters"].as_array().into_iter().flatten() {
            let parameter = self.real(parameter);
            let name = parameter["name"].as_str().unwrap();
            let example =
                parameter["example"].as_str().map_or(parameter["example"].to_string(), str::to_owned);
            let example = match name {
                "meter" | "medium" if of_gas => example.replace("main", "gas").replace("electricity", "gas"),
                _ => example,
            };
            match parameter["in"].as_str().unwrap() {
                "path" => address = address.replace(&format!("{{{name}}}"), &example),
                _ => query.push(format!("{name}={example}")),
            }
        }
        if query.is_empty() { address } else { format!("{address}?{}", query.join("&")) }
    }

    fn check(&self, answer: &Answer, described: &Value, address: &str) {
        let content = self.real(described)["content"].as_object().unwrap();
        let kind = answer.header("content-type").split(';').next().unwrap();
        let content = content.get(kind).unwrap_or_else(|| panic!("{address}: {kind} is not described"));
        if kind == "application/json" {
            let said: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(self.fault(&content["schema"], &said, ""), None, "{address}: {said}");
        } else {
            assert!(answer.body.len() > 100, "{address}");
        }
    }
}

/// What a stream says first.
fn first_of_stream(site: &Site, address: &str) -> String {
    let (mut stream, mut said) = (site.send("GET", address, &[]), Vec::new());
    while !said.windows(8).any(|some| some == b"\ndata: {") || !said.ends_with(b"\n\n\r\n") {
        let mut some = [0; 4096];
        let read = stream.read(&mut some).unwrap();
        assert!(read > 0, "{address}: {}", String::from_utf8_lossy(&said));
        said.extend(&some[..read]);
    }
    String::from_utf8(said).unwrap()
}

#[test]
fn every_answer_is_as_it_is_described() {
    let site = site();
    let described = Described(site.json("/api/openapi.json"));
    let paths = described.0["paths"].as_object().unwrap();
    assert!(paths.len() > 25, "{}", paths.len());
    for (path, of) in paths {
        for of_gas in [false, true] {
            let address = described.address(path, &of["get"], of_gas);
            if address.contains("/live") {
                let said = first_of_stream(&site, &address);
                assert!(said.to_lowercase().contains("content-type: text/event-stream"), "{said}");
                continue;
            }
            let answer = site.get(&address);
            assert_eq!(answer.status, 200, "{address}: {}", answer.text());
            described.check(&answer, &of["get"]["responses"]["200"], &address);
        }
    }
    for (address, path) in [
        ("/api/v1/site/hour/2025-10-26T12", "/api/v1/site/{kind}/{name}"),
        ("/api/v1/sites/hq/week/2025-W43", "/api/v1/sites/{site}/{kind}/{name}"),
        (
            "/api/v1/meters/hq/main/series?from=1600000000&to=1761436800",
            "/api/v1/meters/{site}/{meter}/series",
        ),
        (
            "/api/v1/meters/hq/gas/energy?from=2025-10-26&to=2025-10-27&step=minute",
            "/api/v1/meters/{site}/{meter}/energy",
        ),
    ] {
        described.check(&site.get(address), &paths[path]["get"]["responses"]["200"], address);
    }
    let energy = &paths["/api/v1/meters/{site}/{meter}/energy"]["get"]["responses"];
    for (address, status) in
        [("/api/v1/meters/hq/main/energy?step=year", "400"), ("/api/v1/meters/hq/nobody/energy", "404")]
    {
        let answer = site.get(address);
        assert_eq!(answer.status.to_string(), status, "{address}");
        described.check(&answer, &energy[status], address);
    }
}

/// The test above can fail.
#[test]
fn what_is_not_described_is_noticed() {
    let described = Described(site().json("/api/openapi.json"));
    let of =
        |name: &str, said: Value| described.fault(&described.0["components"]["schemas"][name], &said, "");
    let good = serde_json::json!({ "from": 1, "error": "x" });
    assert_eq!(of("Error", good), Some("/from is not described".into()));
    assert_eq!(of("Error", serde_json::json!({ "parameter": "from" })), Some(" has no \"error\"".into()));
    let quarter = serde_json::json!({ "start": 5, "local": "x", "mean_w": 1, "of": "meter" });
    assert_eq!(of("Quarter", quarter), Some("/start is 5, not \"string\"".into()));
}
