//! `claims.claim.adjudicated.v1`: the event of every claim, so the one whose JSON is written field by field
//! instead of through serde, in two thirds of the instructions. The test renders it both ways.

use std::fmt::{Display, Write};

use chrono::NaiveDate;
use serde::Serialize;

use super::cloudevent::{CloudEvent, FindingView, Topic, event_id};
use crate::adjudication::adjustment::Adjustment;
use crate::adjudication::decision::{ClaimSource, Decision};
use crate::adjudication::determination::{Exempted, LineDetermination, LineOutcome};
use crate::adjudication::trace::Evidence;
use crate::claim::echo::LineEcho;
use crate::money::Money;
use crate::tables::rules::{EvidenceItem, EvidenceStrength};
use crate::text_form;

/// Bytes of the event of a claim with a few lines.
const TYPICAL_BYTES: usize = 2_048;

pub(super) fn claim_adjudicated(decision: &Decision) -> CloudEvent {
    let claim = &decision.source;
    CloudEvent {
        topic: Topic::Decisions,
        key: decision.claim_id.to_string(),
        kind: "claims.claim.adjudicated.v1",
        id: event_id(&claim.file, claim.st_byte, claim.ordinal, "claim.adjudicated", decision.version, ""),
        time: decision.decided_at,
        value: value(decision).into_bytes(),
    }
}

fn value(decision: &Decision) -> String {
    let (determination, echo) = (&decision.determination, &decision.echo);
    let mut json = String::with_capacity(TYPICAL_BYTES);
    let mut event = Object::begin(&mut json);
    event.token("claim_id", &decision.claim_id);
    event.number("version", decision.version.into());
    event.text("form", echo.form.as_str());
    source(event.object("source"), &decision.source);
    event.text("payer_claim_number", decision.payer_claim_number.as_str());
    event.text("received_at", &decision.received_at.to_rfc3339());
    event.text("decided_at", &decision.decided_at.to_rfc3339());
    event.token("member_token", &decision.member_token);
    event.token("pcn_token", &decision.pcn_token);
    let payee = echo.billing_npi.as_ref().map(|npi| npi.as_str());
    event.text_or_null("billing_npi", payee);
    event.text_or_null("payee_npi", payee);
    event.text_or_null("frequency", echo.frequency.as_ref().map(|frequency| frequency.as_str()));
    event.text("outcome", determination.outcome().as_str());
    event.text_or_null("pend_reason", determination.pend_reason().map(|reason| reason.as_str()));
    event.money("charge", determination.charge());
    event.money("paid", determination.paid());
    event.money("patient_responsibility", determination.patient_responsibility());
    event.text_or_null("forward_to", determination.forward_to());
    // Every adjustment is a line's.
    event.name("adjustments").push_str("[]");
    event.list("lines", determination.lines(), |json, line| {
        let echo = echo.lines.iter().find(|echo| echo.number == line.number());
        service_line(Object::begin(json), line, echo);
    });
    event.list("findings", &decision.findings, |json, finding| by_serde(json, &FindingView::of(finding)));
    event.token("rules", &decision.rules);
    event.token("refdata", &decision.refdata);
    event.text("run", "live");
    event.end();
    json
}

fn source(mut object: Object<'_>, source: &ClaimSource) {
    object.token("file", &source.file);
    object.text("partner", source.partner.as_str());
    object.text("isa13", source.isa13.as_str());
    object.text("gs06", source.gs06.as_str());
    object.text("st02", source.st02.as_str());
    object.number("ordinal", source.ordinal.into());
    let bytes = [source.bytes.start, source.bytes.end];
    object.list("bytes", &bytes, |json, byte| number(json, *byte));
    object.end();
}

fn service_line(mut object: Object<'_>, line: &LineDetermination, echo: Option<&LineEcho>) {
    object.number("number", line.number().into());
    object.text_or_null("code", echo.map(LineEcho::code).as_deref());
    let modifiers = echo.into_iter().flat_map(|echo| echo.modifiers.iter().flatten());
    object.list("modifiers", modifiers, |json, modifier| text(json, modifier.as_str()));
    object.text_or_null("units", echo.map(|echo| echo.units.text()).as_deref());
    let service = echo.and_then(|echo| echo.service);
    object.day_or_null("service_from", service.map(|service| service.from));
    object.day_or_null("service_to", service.map(|service| service.through));
    object.text("outcome", line.outcome().as_str());
    object.money("charge", line.charge());
    match line.outcome() {
        LineOutcome::Paid => object.money("allowed", line.allowed()),
        LineOutcome::Denied | LineOutcome::Pended | LineOutcome::Forwarded | LineOutcome::Recorded => object.text_or_null("allowed", None),
    }
    object.money("paid", line.amount_paid());
    object.list("adjustments", line.adjustments(), |json, adjusted| adjustment(Object::begin(json), adjusted));
    object.text("rule", line.rule().as_str());
    if let Some(exempted) = line.exempted() {
        by_serde(object.name("exempted"), &ExemptedView::of(exempted));
    }
    if !line.sensitivity().is_empty() {
        object.list("sensitivity", line.sensitivity(), |json, kind| text(json, kind));
    }
    object.end();
}

fn adjustment(mut object: Object<'_>, adjustment: &Adjustment) {
    object.text("group", adjustment.group.code());
    object.text("carc", adjustment.carc.as_str());
    object.money("amount", adjustment.amount);
    if let Some(quantity) = adjustment.quantity {
        object.text("quantity", &quantity.text());
    }
    object.list("rarc", &adjustment.rarcs, |json, rarc| text(json, rarc.as_str()));
    object.end();
}

/// Why the line needed no authorization: what shows it, never its value.
#[derive(Serialize)]
struct ExemptedView<'a> {
    name: &'a str,
    strength: EvidenceStrength,
    evidence: EvidenceItem,
    element: String,
    byte: u64,
}

impl<'a> ExemptedView<'a> {
    fn of(exempted: &'a Exempted) -> ExemptedView<'a> {
        let place = Evidence {
            loop_id: None,
            segment: exempted.at,
            element: exempted.element,
            component: exempted.component,
        };
        ExemptedView {
            name: &exempted.name,
            strength: exempted.strength,
            evidence: exempted.item,
            element: place.name(),
            byte: exempted.at.byte,
        }
    }
}

/// A JSON object while its fields are written.
struct Object<'j> {
    json: &'j mut String,
    before: char,
}

impl<'j> Object<'j> {
    fn begin(json: &'j mut String) -> Object<'j> {
        Object { json, before: '{' }
    }

    /// Where the value of the next field goes.
    fn name(&mut self, name: &'static str) -> &mut String {
        self.json.push(self.before);
        self.before = ',';
        self.json.push('"');
        self.json.push_str(name);
        self.json.push_str("\":");
        self.json
    }

    fn object(&mut self, name: &'static str) -> Object<'_> {
        Object::begin(self.name(name))
    }

    fn text(&mut self, name: &'static str, value: &str) {
        text(self.name(name), value);
    }

    fn text_or_null(&mut self, name: &'static str, value: Option<&str>) {
        match value {
            Some(value) => self.text(name, value),
            None => self.name(name).push_str("null"),
        }
    }

    /// What shows as hex digits.
    fn token(&mut self, name: &'static str, value: &impl Display) {
        // Writing to memory does not fail.
        let _ = write!(self.name(name), "\"{value}\"");
    }

    fn money(&mut self, name: &'static str, value: Money) {
        self.text(name, &value.text());
    }

    fn number(&mut self, name: &'static str, value: u64) {
        number(self.name(name), value);
    }

    fn day_or_null(&mut self, name: &'static str, value: Option<NaiveDate>) {
        match value.map(text_form::day::text) {
            Some(day) => self.text(name, &day),
            None => self.text_or_null(name, None),
        }
    }

    fn list<T>(&mut self, name: &'static str, values: impl IntoIterator<Item = T>, each: impl Fn(&mut String, T)) {
        let json = self.name(name);
        json.push('[');
        for (place, value) in values.into_iter().enumerate() {
            if place > 0 {
                json.push(',');
            }
            each(json, value);
        }
        json.push(']');
    }

    /// Every object here has fields.
    fn end(self) {
        self.json.push('}');
    }
}

fn text(json: &mut String, value: &str) {
    let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    if value.bytes().all(is_plain) {
        json.push('"');
        json.push_str(value);
        json.push('"');
    } else {
        by_serde(json, &value);
    }
}

fn number(json: &mut String, value: u64) {
    // Writing to memory does not fail.
    let _ = write!(json, "{value}");
}

/// What is rare. Our values have text keys and no failing parts, so there is always JSON.
fn by_serde(json: &mut String, value: &impl Serialize) {
    json.push_str(&serde_json::to_string(value).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use compact_str::CompactString;

    use super::super::cloudevent::{At, Source, json, source};
    use super::super::fact::Fact;
    use super::super::stored;
    use super::*;
    use crate::adjudication::determination::{ClaimOutcome, Determination, PendReason};
    use crate::adjudication::trace::Rule;
    use crate::finding::{Check, Finding, ReportCode};
    use crate::ids::{ClaimId, ContentDigest, ControlNumber, Form, Modifier, Npi, PartnerId, PayerClaimNumber, Qualifier, Rarc, Token};
    use crate::money::Quantity;
    use crate::position::{Position, SegmentPosition};

    /// The same value as a structure, through serde.
    fn as_structure(decision: &Decision) -> Vec<u8> {
        #[derive(Serialize)]
        struct View<'a> {
            claim_id: ClaimId,
            version: u16,
            form: Form,
            source: Source<'a>,
            payer_claim_number: &'a PayerClaimNumber,
            received_at: At,
            decided_at: At,
            member_token: Token,
            pcn_token: Token,
            billing_npi: Option<Npi>,
            payee_npi: Option<Npi>,
            frequency: Option<Qualifier>,
            outcome: ClaimOutcome,
            pend_reason: Option<PendReason>,
            charge: Money,
            paid: Money,
            patient_responsibility: Money,
            forward_to: Option<&'a str>,
            adjustments: [(); 0],
            lines: Vec<LineView<'a>>,
            findings: Vec<FindingView>,
            rules: ContentDigest,
            refdata: ContentDigest,
            run: &'static str,
        }
        let (claim, determination, echo) = (&decision.source, &decision.determination, &decision.echo);
        let echo_of = |line: &LineDetermination| echo.lines.iter().find(|echo| echo.number == line.number());
        json(&View {
            claim_id: decision.claim_id,
            version: decision.version,
            form: echo.form,
            source: source(claim),
            payer_claim_number: &decision.payer_claim_number,
            received_at: At(decision.received_at),
            decided_at: At(decision.decided_at),
            member_token: decision.member_token,
            pcn_token: decision.pcn_token,
            billing_npi: echo.billing_npi,
            payee_npi: echo.billing_npi,
            frequency: echo.frequency,
            outcome: determination.outcome(),
            pend_reason: determination.pend_reason(),
            charge: determination.charge(),
            paid: determination.paid(),
            patient_responsibility: determination.patient_responsibility(),
            forward_to: determination.forward_to(),
            adjustments: [],
            lines: determination.lines().iter().map(|line| LineView::of(line, echo_of(line))).collect(),
            findings: decision.findings.iter().map(FindingView::of).collect(),
            rules: decision.rules,
            refdata: decision.refdata,
            run: "live",
        })
    }

    #[derive(Serialize)]
    struct LineView<'a> {
        number: u16,
        code: Option<String>,
        modifiers: Vec<Modifier>,
        units: Option<Quantity>,
        #[serde(with = "text_form::optional_day")]
        service_from: Option<NaiveDate>,
        #[serde(with = "text_form::optional_day")]
        service_to: Option<NaiveDate>,
        outcome: LineOutcome,
        charge: Money,
        allowed: Option<Money>,
        paid: Money,
        adjustments: Vec<AdjustmentView<'a>>,
        rule: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        exempted: Option<ExemptedView<'a>>,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        sensitivity: &'a [CompactString],
    }

    impl<'a> LineView<'a> {
        fn of(line: &'a LineDetermination, echo: Option<&LineEcho>) -> LineView<'a> {
            let service = echo.and_then(|echo| echo.service);
            LineView {
                number: line.number(),
                code: echo.map(LineEcho::code),
                modifiers: echo.map(|echo| echo.modifiers.iter().flatten().copied().collect()).unwrap_or_default(),
                units: echo.map(|echo| echo.units),
                service_from: service.map(|service| service.from),
                service_to: service.map(|service| service.through),
                outcome: line.outcome(),
                charge: line.charge(),
                allowed: (line.outcome() == LineOutcome::Paid).then(|| line.allowed()),
                paid: line.amount_paid(),
                adjustments: line.adjustments().iter().map(AdjustmentView::of).collect(),
                rule: line.rule().as_str(),
                exempted: line.exempted().map(ExemptedView::of),
                sensitivity: line.sensitivity(),
            }
        }
    }

    #[derive(Serialize)]
    struct AdjustmentView<'a> {
        group: &'static str,
        carc: &'a str,
        amount: Money,
        #[serde(skip_serializing_if = "Option::is_none")]
        quantity: Option<Quantity>,
        rarc: &'a [Rarc],
    }

    impl<'a> AdjustmentView<'a> {
        fn of(adjustment: &'a Adjustment) -> AdjustmentView<'a> {
            AdjustmentView {
                group: adjustment.group.code(),
                carc: adjustment.carc.as_str(),
                amount: adjustment.amount,
                quantity: adjustment.quantity,
                rarc: &adjustment.rarcs,
            }
        }
    }

    fn decision_at(decision: &Decision) -> SegmentPosition {
        SegmentPosition {
            byte: decision.source.st_byte,
            ..SegmentPosition::default()
        }
    }

    fn stored_decision() -> Box<Decision> {
        let bytes = include_bytes!("../../fixtures/stored/claim-adjudicated-first-form.bin");
        let Fact::ClaimAdjudicated(decision) = stored::from_bytes(&mut bytes.to_vec()).unwrap() else {
            panic!("another fact")
        };
        decision
    }

    #[test]
    fn the_event_is_that_of_its_structure() {
        let paid = stored_decision();
        let mut odd = paid.clone();
        odd.source.partner = PartnerId::new("a \"partner\"\\ of\u{1}\n Ã±");
        odd.source.st02 = ControlNumber::new("\u{7f}\t*");
        odd.echo.billing_npi = None;
        odd.echo.frequency = None;
        odd.echo.lines[0].service = None;
        odd.echo.lines[1].modifiers = [Some(Modifier::of("\"\\")), None, Some(Modifier::of("25")), None];
        odd.echo.lines[1].units = "1.50".parse().unwrap();
        odd.findings = vec![Finding::new(Check::S110, ReportCode::Set(5), Position::of_segment(None, decision_at(&paid))); 2];
        let mut pended = paid.clone();
        let lines = paid.determination.lines().iter();
        let lines = lines.map(|line| LineDetermination::pended(line.number() + 7, Money::from_cents(-5), Rule::FeeSchedule));
        pended.determination = Determination::pended(lines.collect(), PendReason::RuleFailure);
        for decision in [paid, odd, pended] {
            assert_eq!(value(&decision), String::from_utf8(as_structure(&decision)).unwrap());
        }
    }
}
