//! The claim file: interchanges, groups, sets and the loops of 837P (005010X222A1) and 837I
//! (005010X223A2).

use std::collections::BTreeMap;
use std::io::{self, Write};

use aws_lc_rs::digest::{Context, SHA256};

use super::claim::{Claim, Line, Setting, Stay, StayKind};
use super::corrections;
use super::maker::Maker;
use super::plan::{Group, Interchange, Purpose, Set};
use super::providers::{Organization, Practitioner};
use super::recipe::{Mix, Recipe};
use super::scenario::Scenario;
use super::services::{DELIVERY_DIAGNOSIS, DELIVERY_GROUP, DELIVERY_OUTCOME, DELIVERY_PROCEDURE, DRUG, DRUG_NDC, UNLISTED};
use crate::ids::{ClaimId, FileDigest, Form, PayerClaimNumber};
use crate::money::Money;
use crate::text_form::ccyymmdd;
use crate::x12::writer::SegmentWriter;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    pub bytes: u64,
    pub interchanges: u64,
    pub transaction_sets: u64,
    pub claims: u64,
}

/// Payer id in ISA08, 1000B and 2010BB.
const PAYER: &str = "CALOP";
const PAYER_NAME: &str = "CALOPTIMA HEALTH";

/// Bytes gathered before they are handed to the output.
const FLUSH_BYTES: usize = 64 * 1024;

/// Writes the claim file of a recipe, in pieces of about 64 KiB.
///
/// # Errors
/// Those of `out`.
pub fn write_claims(recipe: &Recipe, out: &mut impl Write) -> io::Result<Written> {
    Ok(write(recipe, None, out)?.0)
}

/// Writes a file that replaces and voids claims of the recipe's file ([`corrections`]): it names them by
/// the numbers that the payer gives them, which are those of exactly that file.
///
/// # Errors
/// Those of `out`.
pub fn write_corrections(recipe: &Recipe, out: &mut impl Write) -> io::Result<Written> {
    let mut digest = Digesting(Context::new(&SHA256));
    let (_, sets) = write(recipe, None, &mut digest)?;
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(digest.0.finish().as_ref()).for_each(|(to, from)| *to = *from);
    let original = Original {
        digest: FileDigest::from_bytes(bytes),
        sets,
    };
    Ok(write(recipe, Some(&original), out)?.0)
}

/// A file that was written: its digest, and where each set begins.
struct Original {
    digest: FileDigest,
    sets: SetPlaces,
}

/// The byte of each ST by ISA13, GS06 and ST02.
type SetPlaces = BTreeMap<(u64, u64, u64), u64>;

/// Takes bytes for their digest only.
struct Digesting(Context);

impl Write for Digesting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write(recipe: &Recipe, original: Option<&Original>, out: &mut impl Write) -> io::Result<(Written, SetPlaces)> {
    let maker = Maker::new(recipe);
    let mut file = File {
        recipe,
        maker: &maker,
        original,
        x12: SegmentWriter::default(),
        out,
        written: Written::default(),
        sets: SetPlaces::new(),
    };
    let plan = match original {
        None => maker.plan().interchanges().collect(),
        Some(_) => corrections::plan(&maker),
    };
    for interchange in &plan {
        file.interchange(interchange)?;
    }
    file.flush()?;
    Ok((file.written, file.sets))
}

struct File<'a, W: Write> {
    recipe: &'a Recipe,
    maker: &'a Maker<'a>,
    /// The file that this one corrects.
    original: Option<&'a Original>,
    x12: SegmentWriter,
    out: &'a mut W,
    written: Written,
    sets: SetPlaces,
}

/// What of the claim before still stands open in the HL tree.
#[derive(Default)]
struct Open {
    levels: u64,
    billing_level: u64,
    organization: Option<Organization>,
    subscriber: Option<String>,
}

impl<W: Write> File<'_, W> {
    fn flush(&mut self) -> io::Result<()> {
        let bytes = self.x12.take();
        self.written.bytes += bytes.len() as u64;
        self.out.write_all(&bytes)
    }

    fn interchange(&mut self, interchange: &Interchange) -> io::Result<()> {
        let sender = format!("{:<15}", sender(self.recipe.form()).id);
        let receiver = format!("{PAYER:<15}");
        let control = format!("{:09}", self.isa13(interchange));
        let day = self.recipe.anchor().format("%y%m%d").to_string();
        let (none, usage) = (" ".repeat(10), self.recipe.usage().code());
        self.x12.segment(&[
            "ISA", "00", &none, "00", &none, "ZZ", &sender, "ZZ", &receiver, &day, "0930", "^", "00501", &control, "0", usage, ":",
        ]);
        for group in &interchange.groups {
            self.group(interchange, group)?;
        }
        self.x12.segment(&["IEA", &interchange.groups.len().to_string(), &control]);
        self.written.interchanges += 1;
        Ok(())
    }

    fn group(&mut self, interchange: &Interchange, group: &Group) -> io::Result<()> {
        let control = group.gs06.to_string();
        let sender = sender(self.recipe.form()).id;
        self.x12.segment(&[
            "GS",
            "HC",
            sender,
            PAYER,
            &ccyymmdd(self.recipe.anchor()),
            "0930",
            &control,
            "X",
            guide(group.form),
        ]);
        for set in &group.sets {
            self.set(interchange, (group.gs06, group.form), set)?;
        }
        self.x12.segment(&["GE", &group.sets.len().to_string(), &control]);
        Ok(())
    }

    fn isa13(&self, interchange: &Interchange) -> u64 {
        match self.original {
            None => interchange.isa13,
            Some(_) => corrections::isa13(interchange),
        }
    }

    fn set(&mut self, interchange: &Interchange, (gs06, form): (u64, Form), set: &Set) -> io::Result<()> {
        let control = set_control(set);
        let place = (interchange.isa13, gs06, set.st02);
        self.sets.insert(place, self.written.bytes + self.x12.as_bytes().len() as u64);
        let batch = format!("B{:09}{}{control}", self.isa13(interchange), if form == Form::Professional { 'P' } else { 'I' });
        let purpose = match set.purpose {
            Purpose::Chargeable => "CH",
            Purpose::Reporting => "RP",
        };
        let sender = sender(self.recipe.form());
        self.x12.restart_count();
        self.x12
            .segment(&["ST", "837", &control, guide(form)])
            .segment(&["BHT", "0019", "00", &batch, &ccyymmdd(self.recipe.anchor()), "0930", purpose])
            .segment(&["NM1", "41", "2", sender.name, "", "", "", "", "46", sender.id])
            .segment(&["PER", "IC", "EDI DESK", "TE", "7145550100"])
            .segment(&["NM1", "40", "2", PAYER_NAME, "", "", "", "", "46", PAYER]);
        let mut open = Open::default();
        for offset in 0..set.claims {
            let claim = match self.original {
                None => self.maker.claim(form, set.first_of_form + offset),
                Some(original) => {
                    let Some(mut claim) = corrections::of(self.maker, form, set, offset) else {
                        continue;
                    };
                    let st_byte = original.sets.get(&place).copied().unwrap_or(0);
                    let ordinal = u32::try_from(offset + 1).unwrap_or(u32::MAX);
                    let id = ClaimId::derive(&original.digest, st_byte, ordinal);
                    claim.original_number = Some(PayerClaimNumber::of(&id).to_string());
                    claim
                }
            };
            self.written.claims += 1;
            self.claim(&claim, &mut open);
            if self.x12.as_bytes().len() >= FLUSH_BYTES {
                self.flush()?;
            }
        }
        let count = (self.x12.count() + 1).to_string();
        self.x12.segment(&["SE", &count, &control]);
        self.written.transaction_sets += 1;
        Ok(())
    }

    fn claim(&mut self, claim: &Claim, open: &mut Open) {
        if open.organization.as_ref() != Some(&claim.organization) {
            open.levels += 1;
            open.billing_level = open.levels;
            self.billing_provider(&claim.organization, open.levels);
            open.organization = Some(claim.organization.clone());
            open.subscriber = None;
        }
        // Who pays first is said of the subscriber, so a claim with another payer has a level of its own.
        if open.subscriber.as_ref() != Some(&claim.member_id) || claim.prior_payment.is_some() {
            open.levels += 1;
            self.subscriber(claim, open.levels, open.billing_level);
            open.subscriber = Some(claim.member_id.clone()).filter(|_| claim.prior_payment.is_none());
        }
        match &claim.setting {
            Setting::Office { place } => self.professional(claim, place),
            Setting::Hospital(stay) => self.institutional(claim, stay),
        }
    }

    /// Loops 2000A and 2010AA.
    fn billing_provider(&mut self, organization: &Organization, level: u64) {
        let zip = format!("{}{}", organization.town.zip, organization.zip4);
        self.x12
            .segment(&["HL", &level.to_string(), "", "20", "1"])
            .segment(&["PRV", "BI", "PXC", organization.taxonomy])
            .segment(&["NM1", "85", "2", &organization.name, "", "", "", "", "XX", &organization.npi])
            .segment(&["N3", &organization.street])
            .segment(&["N4", organization.town.city, "CA", &zip])
            .segment(&["REF", "EI", &organization.tin]);
    }

    /// Loops 2000B, 2010BA and 2010BB.
    fn subscriber(&mut self, claim: &Claim, level: u64, billing_level: u64) {
        let (member, member_id) = (&claim.member, &claim.member_id);
        let turn = if claim.prior_payment.is_some() { "S" } else { "P" };
        self.x12
            .segment(&["HL", &level.to_string(), &billing_level.to_string(), "22", "0"])
            .segment(&["SBR", turn, "18", "", "", "", "", "", "", "MC"])
            .segment(&["NM1", "IL", "1", member.last_name, member.first_name, "", "", "", "MI", member_id])
            .segment(&["N3", &format!("{} TEST AVE", member.house)])
            .segment(&["N4", member.town.city, "CA", member.town.zip])
            .segment(&["DMG", "D8", &ccyymmdd(member.birth_date), member.sex])
            .segment(&["NM1", "PR", "2", PAYER_NAME, "", "", "", "", "PI", PAYER]);
    }

    /// Loops 2300, 2310B and 2400 of 837P.
    fn professional(&mut self, claim: &Claim, place: &str) {
        let qualifier = if claim.scenario == Scenario::FacilityQualifier { "A" } else { "B" };
        let facility = self.x12.composite(&[place, qualifier, claim.frequency]);
        let start: [&str; 10] = ["CLM", &claim.control_number(), &claim.charge().to_x12(), "", "", &facility, "Y", "A", "Y", "Y"];
        match delay_reason(claim.scenario) {
            Some(code) => self.x12.segment(&start.into_iter().chain([""; 10]).chain([code]).collect::<Vec<_>>()),
            None => self.x12.segment(&start),
        };
        if let Some(amount) = claim.patient_paid {
            self.x12.segment(&["AMT", "F5", &amount.to_x12()]);
        }
        self.references(claim);
        if claim.lines.iter().any(|line| line.is_laboratory) {
            self.x12.segment(&["REF", "X4", &format!("05D{:07}", 1_000_000 + claim.organization.number)]);
        }
        self.x12.segment(&["REF", "D9", &format!("T{}", claim.stem)]);
        if claim.scenario == Scenario::DelayExcused {
            self.x12.segment(&["NTE", "ADD", "PROOF OF ELIGIBILITY CAME LATE"]);
        }
        let diagnoses: Vec<String> = (claim.diagnoses.iter().enumerate())
            .map(|(place, code)| self.x12.composite(&[if place == 0 { "ABK" } else { "ABF" }, code]))
            .collect();
        self.x12
            .segment(&["HI"].into_iter().chain(diagnoses.iter().map(String::as_str)).collect::<Vec<_>>());
        self.practitioner("82", "PE", &claim.practitioner);
        if let Some(paid) = claim.prior_payment {
            self.other_payer(claim, paid);
        }
        for (number, line) in (1..).zip(&claim.lines) {
            self.professional_line(claim, number, line);
        }
    }

    fn professional_line(&mut self, claim: &Claim, number: usize, line: &Line) {
        let code = line.procedure.unwrap_or_default();
        // What no code stands for is described.
        let service = match code == UNLISTED.code {
            true => self.x12.composite(&["HC", code, "", "", "", "", "SYNTHETIC SERVICE"]),
            false => self.x12.composite(&["HC", code, line.modifier]),
        };
        self.x12
            .segment(&["LX", &number.to_string()])
            .segment(&["SV1", &service, &line.charge.to_x12(), "UN", &line.units.to_string(), "", "", line.pointers]);
        if !(claim.scenario == Scenario::LineDateMissing && number == 1) {
            self.x12.segment(&["DTP", "472", "D8", &ccyymmdd(line.date)]);
        }
        self.x12.segment(&["REF", "6R", &format!("{}L{number}", claim.stem)]);
        if line.procedure == Some(DRUG.code) {
            let unit = self.x12.composite(&["ML"]);
            self.x12.segment(&["LIN", "", "N4", DRUG_NDC]).segment(&["CTP", "", "", "", "1", &unit]);
        }
        if let Some(paid) = claim.prior_payment {
            // Loop 2430: the rest of the charge is the patient's to that payer.
            let left = (line.charge - paid).to_x12();
            self.x12
                .segment(&["SVD", OTHER_PAYER, &paid.to_x12(), &service, "", &line.units.to_string()])
                .segment(&["CAS", "PR", "1", &left])
                .segment(&["DTP", "573", "D8", &ccyymmdd(claim.other_payer_decided_on(line.date))]);
        }
    }

    /// Loops 2320, 2330A and 2330B.
    fn other_payer(&mut self, claim: &Claim, paid: Money) {
        let member = &claim.member;
        let kind = if claim.scenario == Scenario::QualifiedBeneficiary { "MB" } else { "CI" };
        self.x12
            .segment(&["SBR", "P", "18", "", "", "", "", "", "", kind])
            .segment(&["AMT", "D", &paid.to_x12()])
            .segment(&["OI", "", "", "Y", "", "", "Y"])
            .segment(&["NM1", "IL", "1", member.last_name, member.first_name, "", "", "", "MI", "SAMPLE0001"])
            .segment(&["NM1", "PR", "2", "SAMPLE INSURANCE", "", "", "", "", "PI", OTHER_PAYER]);
    }

    /// Loops 2300, 2310A and 2400 of 837I.
    fn institutional(&mut self, claim: &Claim, stay: &Stay) {
        let qualifier = if claim.scenario == Scenario::FacilityQualifier { "B" } else { "A" };
        let facility = self
            .x12
            .composite(&[if stay.kind.is_inpatient() { "11" } else { "13" }, qualifier, claim.frequency]);
        self.x12
            .segment(&["CLM", &claim.control_number(), &claim.charge().to_x12(), "", "", &facility, "", "A", "Y", "Y"]);
        if stay.kind.is_inpatient() {
            self.x12.segment(&["DTP", "096", "TM", "1130"]);
        }
        if claim.scenario != Scenario::StatementDatesMissing {
            self.x12
                .segment(&["DTP", "434", "RD8", &format!("{}-{}", ccyymmdd(stay.from), ccyymmdd(stay.through))]);
        }
        if stay.kind.is_inpatient() {
            self.x12.segment(&["DTP", "435", "DT", &format!("{}0815", ccyymmdd(stay.from))]);
        }
        self.x12.segment(&["CL1", admission_type(stay.kind), "1", "01"]);
        if let Some(estimate) = claim.patient_paid.filter(|_| claim.scenario == Scenario::EstimateBilled) {
            self.x12.segment(&["AMT", "F3", &estimate.to_x12()]);
        }
        self.references(claim);
        self.x12.segment(&["REF", "D9", &format!("T{}", claim.stem)]);
        self.hospital_codes(claim, stay);
        self.practitioner("71", "AT", &claim.practitioner);
        for (number, line) in (1..).zip(&claim.lines) {
            self.institutional_line(claim, number, line);
        }
    }

    fn hospital_codes(&mut self, claim: &Claim, stay: &Stay) {
        let inpatient = stay.kind.is_inpatient();
        let code = |x12: &SegmentWriter, qualifier: &str, code: &str| {
            // Delivery codes are exempt from the present-on-admission indicator.
            let present = if inpatient && code != DELIVERY_DIAGNOSIS && code != DELIVERY_OUTCOME {
                "Y"
            } else {
                ""
            };
            x12.composite(&[qualifier, code, "", "", "", "", "", "", present])
        };
        let principal = claim.diagnoses.first().copied().unwrap_or_default();
        self.x12.segment(&["HI", &code(&self.x12, "ABK", principal)]);
        let (admitted_for, came_for, group) = match stay.kind {
            StayKind::Outpatient => (false, false, None),
            StayKind::OutpatientEmergency => (false, true, None),
            StayKind::Inpatient { group } | StayKind::EmergencyInpatient { group } => (true, false, Some(group)),
            StayKind::Delivery => (true, false, Some(DELIVERY_GROUP)),
        };
        if admitted_for {
            self.x12.segment(&["HI", &self.x12.composite(&["ABJ", principal])]);
        }
        if came_for {
            self.x12.segment(&["HI", &self.x12.composite(&["APR", principal])]);
        }
        if let Some(group) = group {
            self.x12.segment(&["HI", &self.x12.composite(&["DR", group])]);
        }
        let others: Vec<String> = claim.diagnoses.iter().skip(1).map(|other| code(&self.x12, "ABF", other)).collect();
        if !others.is_empty() {
            self.x12
                .segment(&["HI"].into_iter().chain(others.iter().map(String::as_str)).collect::<Vec<_>>());
        }
        if stay.kind == StayKind::Delivery {
            self.x12
                .segment(&["HI", &self.x12.composite(&["BBR", DELIVERY_PROCEDURE, "D8", &ccyymmdd(stay.from)])]);
        }
        if let Some(paid) = claim.patient_paid.filter(|_| claim.scenario == Scenario::HospitalPatientPaid) {
            self.x12.segment(&["HI", &self.x12.composite(&["BE", "FC", "", "", &paid.to_x12()])]);
        }
        let days = claim.lines.iter().filter(|line| is_room(line.revenue)).map(|line| line.units).sum::<u32>();
        if inpatient && days > 0 {
            self.x12.segment(&["HI", &self.x12.composite(&["BE", "80", "", "", &days.to_string()])]);
        }
    }

    fn institutional_line(&mut self, claim: &Claim, number: usize, line: &Line) {
        let service = line.procedure.map(|code| self.x12.composite(&["HC", code, line.modifier])).unwrap_or_default();
        let basis = if line.days { "DA" } else { "UN" };
        self.x12
            .segment(&["LX", &number.to_string()])
            .segment(&["SV2", line.revenue, &service, &line.charge.to_x12(), basis, &line.units.to_string()]);
        if line.procedure.is_some() {
            self.x12.segment(&["DTP", "472", "D8", &ccyymmdd(line.date)]);
        }
        self.x12.segment(&["REF", "6R", &format!("{}L{number}", claim.stem)]);
    }

    fn references(&mut self, claim: &Claim) {
        if let Some(number) = &claim.original_number {
            self.x12.segment(&["REF", "F8", number]);
        }
        if let Some(number) = &claim.referral_number {
            self.x12.segment(&["REF", "9F", number]);
        }
        if let Some(number) = &claim.authorization_number {
            self.x12.segment(&["REF", "G1", number]);
        }
    }

    fn practitioner(&mut self, entity: &str, role: &str, practitioner: &Practitioner) {
        self.x12
            .segment(&[
                "NM1",
                entity,
                "1",
                practitioner.last_name,
                practitioner.first_name,
                "",
                "",
                "",
                "XX",
                &practitioner.npi,
            ])
            .segment(&["PRV", role, "PXC", practitioner.taxonomy]);
    }
}

/// Room and board, whose units are the covered days (value code 80).
fn is_room(revenue: &str) -> bool {
    ("0100".."0220").contains(&revenue)
}

/// The id of the payer before us.
const OTHER_PAYER: &str = "SAMPLE01";

/// CLM20.
fn delay_reason(scenario: Scenario) -> Option<&'static str> {
    match scenario {
        Scenario::DelayUnproved => Some("7"),
        Scenario::DelayRefused => Some("9"),
        Scenario::DelayExcused => Some("1"),
        _ => None,
    }
}

/// Who submits (ISA06, GS02, 1000A): the clearinghouse of the form's channel, or for a mix one that
/// belongs to neither.
struct Sender {
    id: &'static str,
    name: &'static str,
}

fn sender(form: Mix) -> Sender {
    match form {
        Mix::Professional => Sender {
            id: "330897513",
            name: "OFFICE ALLY",
        },
        Mix::Institutional => Sender {
            id: "133052274",
            name: "EMDEON",
        },
        Mix::Both => Sender {
            id: "SYNTHETIC01",
            name: "SYNTHETIC CLEARINGHOUSE",
        },
    }
}

/// ST02: unique in its group.
pub(super) fn set_control(set: &Set) -> String {
    format!("{:04}", set.st02)
}

fn guide(form: Form) -> &'static str {
    match form {
        Form::Professional => "005010X222A1",
        Form::Institutional => "005010X223A2",
    }
}

/// CL101.
fn admission_type(kind: StayKind) -> &'static str {
    match kind {
        StayKind::OutpatientEmergency | StayKind::EmergencyInpatient { .. } => "1",
        StayKind::Outpatient | StayKind::Inpatient { .. } | StayKind::Delivery => "3",
    }
}
