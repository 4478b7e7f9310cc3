//! A small plan for the tests of this room: members, providers, fees, and claims to change one thing of.

use std::sync::{Arc, LazyLock};

use chrono::NaiveDate;

use super::determination::{Determination, LineDetermination};
use super::facts::{Facts, Known, Receipt};
use super::trace::{Rule, Step, StepResult};
use super::{Tables, adjudicate};
use crate::claim::diagnosis::{Diagnosis, DiagnosisKind};
use crate::claim::institutional::InstitutionalClaim;
use crate::claim::other_payer::{InboundAdjustment, OtherPayer};
use crate::claim::party::{BillingProvider, Provider, ProviderRole, Subscriber};
use crate::claim::professional::{ProfessionalClaim, ProfessionalLine};
use crate::claim::service_line::ServiceLine;
use crate::claim::{Claim, ClaimDetail, Located};
use crate::ids::{AuthorizationNumber, Cin, Form, Npi, Qualifier, Tin};
use crate::money::{Money, Quantity};
use crate::phi::Phi;
use crate::position::{ByteRange, SegmentPosition, SegmentTag};
use crate::tables::reasons::AdjustmentGroup;
use crate::tables::refdata::{ReferenceData, ReferenceTable};
use crate::tables::rules::RulePack;
use crate::x12::element::DateRange;

pub(super) const CLINIC: &str = "1234567893";
pub(super) const FAMILY_DOCTOR: &str = "1003000126";
pub(super) const SPECIALIST: &str = "1457389991";

/// A member in CCN since 2020; others differ in what their letter is for.
pub(super) const MEMBER: &str = "91234567A";
/// In COD, without a primary care provider.
pub(super) const UNASSIGNED: &str = "91234567C";
/// A share of cost of 100 a month.
pub(super) const SHARING: &str = "91234567D";
/// Other coverage on file.
pub(super) const INSURED: &str = "91234567E";
/// Covered in 2023 and from July 2025.
pub(super) const LAPSED: &str = "91234567F";
/// Died on 2025-01-15.
pub(super) const DECEASED: &str = "91234567G";
/// In a network that is responsible itself.
pub(super) const CAPITATED: &str = "91234567H";
/// In a network that claims are forwarded to.
pub(super) const DELEGATED: &str = "91234567M";
/// In a network without a row.
pub(super) const MISPLACED: &str = "91234567N";
/// Covered from 2024, posted on 2025-12-01.
pub(super) const RETROACTIVE: &str = "91234567T";
/// A boy of nine years.
pub(super) const CHILD: &str = "91234567U";

const MEMBERS: &str = "cin,birth_date,sex,eligible_from,eligible_to,aid_code,network,pcp_npi,share_of_cost,death_date,other_coverage,added_on
91234567A,1980-05-05,F,2020-01-01,,M1,CCN,1003000126,0,,no,2020-01-01
91234567C,1980-05-05,F,2020-01-01,,M1,COD,,0,,no,2020-01-01
91234567D,1980-05-05,F,2020-01-01,,M1,CCN,1003000126,100.00,,no,2020-01-01
91234567E,1980-05-05,F,2020-01-01,,M1,CCN,1003000126,0,,yes,2020-01-01
91234567F,1980-05-05,F,2023-01-01,2023-12-31,M1,CCN,1003000126,0,,no,
91234567F,1980-05-05,F,2025-07-01,2025-09-30,M1,CCN,1003000126,0,,no,
91234567G,1980-05-05,F,2020-01-01,,M1,CCN,1003000126,0,2025-01-15,no,
91234567H,1980-05-05,F,2020-01-01,,M1,FCHS,1003000126,0,,no,
91234567M,1980-05-05,F,2020-01-01,,M1,CHOC,1003000126,0,,no,
91234567N,1980-05-05,F,2020-01-01,,M1,NEWNET,1003000126,0,,no,
91234567T,1980-05-05,F,2024-01-01,,M1,CCN,1003000126,0,,no,2025-12-01
91234567U,2016-01-01,M,2020-01-01,,P5,CCN,1003000126,0,,no,
";

const PROVIDERS: &str = "npi,tin,group_tin,taxonomy,kind,contracted,enrolled_from,enrolled_to,payment,routing,account
1234567893,951234567,,261QM1300X,other,yes,2010-01-01,,check,,
1003000126,953000001,,207Q00000X,pcp,yes,2010-01-01,,check,,
1457389991,951234567,,207RC0000X,specialist,yes,2010-01-01,,check,,
";

const FEES: &str = "code_type,code,modifier,method,amount,effective_from,effective_to
HCPCS,99204,,fee,153.60,,
HCPCS,99213,,fee,72.40,,
HCPCS,99214,,fee,122.05,,
HCPCS,99215,,fee,170.00,,
HCPCS,99392,,fee,90.00,,
HCPCS,93000,,fee,16.25,,
HCPCS,97112,,fee,31.05,,
HCPCS,70553,,fee,327.80,,
HCPCS,K0739,,fee,20.00,,
HCPCS,00000,,fee,0,,
REV,0120,,per_diem,1650.00,,
REV,0250,,percent,40,,
REV,0122,,case,4200.00,,
DRG,560,,case,8000.00,,
";

const LISTED: &str = "code_from,code_to,modifier,line_of_business,effective_from,effective_to,requirement,note
97112,,,medi-cal,2020-01-01,,required,
70553,,,medi-cal,2020-01-01,,required,
K0739,,,medi-cal,2020-01-01,,required,
0120,,,medi-cal,2020-01-01,,required,
0200,,,medi-cal,2020-01-01,,notify,
";

const NETWORKS: &str = "network,name,service_category,effective_from,effective_to,responsible,forward_to
CCN,Community Network,professional,,,plan,
CCN,Community Network,hospital,,,plan,
COD,Direct,professional,,,plan,
COD,Direct,hospital,,,plan,
FCHS,Family Choice,professional,,,network,
CHOC,CHOC Health Alliance,professional,,,network,CHOC-HA
";

pub(super) const AUTHORIZATIONS: &str =
    "auth_number,cin,status,type,service_from,service_to,provider_npi,group_tin,code_from,code_to,modifier,units,unit_basis,units_used,notified_at";

/// The tables of the plan beside its authorizations.
pub(super) const TABLES: [(ReferenceTable, &str); 5] = [
    (ReferenceTable::Members, MEMBERS),
    (ReferenceTable::Providers, PROVIDERS),
    (ReferenceTable::FeeSchedule, FEES),
    (ReferenceTable::PriorAuthCodes, LISTED),
    (ReferenceTable::Networks, NETWORKS),
];

static PLAN: LazyLock<ReferenceData> = LazyLock::new(|| {
    let authorizations = format!("{AUTHORIZATIONS}\n");
    let tables = TABLES.into_iter().chain([(ReferenceTable::Authorizations, authorizations.as_str())]);
    tables.fold(ReferenceData::embedded().unwrap(), |plan, (table, text)| {
        plan.with_table(table, text.as_bytes()).unwrap()
    })
});

/// The plan with these authorizations.
pub(super) fn plan() -> ReferenceData {
    PLAN.clone()
}

pub(super) fn with_authorizations(rows: &[&str]) -> ReferenceData {
    let text = format!("{AUTHORIZATIONS}\n{}\n", rows.join("\n"));
    PLAN.with_table(ReferenceTable::Authorizations, text.as_bytes()).unwrap()
}

pub(super) fn with_restrictions(rows: &str) -> ReferenceData {
    let header = "rule_id,kind,code_type,code_from,code_to,effective_from,effective_to,params,action,group,carc,rarc";
    PLAN.with_table(ReferenceTable::Restrictions, format!("{header}\n{rows}\n").as_bytes()).unwrap()
}

pub(super) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub(super) fn money(text: &str) -> Money {
    Money::parse_x12(text.as_bytes()).unwrap()
}

pub(super) fn npi(text: &str) -> Option<Npi> {
    Some(Npi::parse(text.as_bytes()).unwrap())
}

pub(super) fn qualifier(text: &str) -> Option<Qualifier> {
    text.parse().ok()
}

pub(super) fn at(tag: &str) -> SegmentPosition {
    SegmentPosition {
        tag: SegmentTag::of(tag),
        ..SegmentPosition::default()
    }
}

/// One day, or `from/through`.
pub(super) fn dates(text: &str) -> DateRange {
    let (from, through) = text.split_once('/').unwrap_or((text, text));
    DateRange {
        from: day(from),
        through: day(through),
    }
}

pub(super) fn dated(tag: &str, text: &str) -> Option<Located<DateRange>> {
    Some(Located {
        value: dates(text),
        at: at(tag),
    })
}

/// `code:modifier…`, units, charge, dates; four digits are a revenue code.
pub(super) fn line(code: &str, units: u32, charge: &str, service: &str) -> ServiceLine {
    let mut parts = code.split(':');
    let code = parts.next().unwrap_or_default();
    let mut modifiers = [None; 4];
    for (place, modifier) in modifiers.iter_mut().zip(parts) {
        *place = Some(modifier.parse().unwrap());
    }
    let is_revenue = code.len() == 4;
    ServiceLine {
        at: at(if is_revenue { "SV2" } else { "SV1" }),
        procedure: (!is_revenue).then(|| code.parse().unwrap()),
        revenue: is_revenue.then(|| code.parse().unwrap()),
        modifiers,
        units: Quantity::whole(units),
        charge: money(charge),
        service: dated("DTP", service),
        professional: ProfessionalLine {
            diagnosis_pointers: [1, 0, 0, 0],
            ..ProfessionalLine::default()
        },
        ..ServiceLine::default()
    }
}

/// A professional claim of the clinic for [`MEMBER`], place of service 11.
pub(super) fn claim(lines: Vec<ServiceLine>) -> Claim {
    numbered(Claim {
        form: Form::Professional,
        ordinal: 1,
        bytes: ByteRange::default(),
        at: at("CLM"),
        billing_provider: Arc::new(BillingProvider {
            npi: npi(CLINIC),
            tin: Tin::parse(b"951234567").ok(),
            ..BillingProvider::default()
        }),
        subscriber: Arc::new(Subscriber {
            at: at("SBR"),
            name_at: at("NM1"),
            cin: Cin::parse(MEMBER.as_bytes()).ok().map(Phi::new),
            ..Subscriber::default()
        }),
        patient: None,
        patient_control_number: Phi::new("PCN".into()),
        charge: Money::ZERO,
        frequency: qualifier("1"),
        delay_reason: None,
        prior_authorization: None,
        referral: None,
        original_claim: None,
        authorization_exception: None,
        clearinghouse_trace: Default::default(),
        has_clia: false,
        has_attachment: false,
        attachment_without_control: None,
        has_note: false,
        diagnoses: vec![diagnosis(DiagnosisKind::Principal, "I10")],
        providers: Vec::new(),
        other_payers: Vec::new(),
        detail: ClaimDetail::Professional(ProfessionalClaim {
            place_of_service: "11".parse().ok(),
            ..ProfessionalClaim::default()
        }),
        lines,
        text: Default::default(),
    })
}

/// An institutional claim with statement dates, type of bill 11x.
pub(super) fn stay(statement: &str, lines: Vec<ServiceLine>) -> Claim {
    Claim {
        form: Form::Institutional,
        detail: ClaimDetail::Institutional(Box::new(InstitutionalClaim {
            facility_type: qualifier("11"),
            statement: dated("DTP", statement),
            ..InstitutionalClaim::default()
        })),
        ..claim(lines)
    }
}

/// LX01 and CLM02.
fn numbered(mut claim: Claim) -> Claim {
    for (line, number) in claim.lines.iter_mut().zip(1..) {
        line.number = number;
    }
    claim.charge = claim.lines.iter().map(|line| line.charge).sum();
    claim
}

pub(super) fn diagnosis(kind: DiagnosisKind, code: &str) -> Diagnosis {
    Diagnosis {
        at: at("HI"),
        element: 1,
        kind,
        code: Phi::new(code.parse().unwrap()),
        is_icd9: false,
        present_on_admission: None,
    }
}

pub(super) fn adjustment(group: AdjustmentGroup, carc: &str, amount: &str) -> InboundAdjustment {
    InboundAdjustment {
        at: at("CAS"),
        group: Some(group),
        reason: carc.parse().ok(),
        amount: money(amount),
    }
}

impl Claim {
    pub(super) fn of_member(mut self, cin: &str) -> Claim {
        Arc::make_mut(&mut self.subscriber).cin = Cin::parse(cin.as_bytes()).ok().map(Phi::new);
        self
    }

    pub(super) fn rendered_by(mut self, rendering: &str) -> Claim {
        self.providers.push(Provider {
            at: at("NM1"),
            role: ProviderRole::Rendering,
            name: Default::default(),
            npi: npi(rendering),
            taxonomy: None,
        });
        self
    }

    pub(super) fn authorized_by(mut self, number: &str) -> Claim {
        self.prior_authorization = Some(Located {
            value: AuthorizationNumber::new(number),
            at: at("REF"),
        });
        self
    }

    pub(super) fn after(mut self, payer: OtherPayer) -> Claim {
        self.other_payers.push(payer);
        self
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut Claim)) -> Claim {
        change(&mut self);
        self
    }

    pub(super) fn institutional_mut(&mut self) -> &mut InstitutionalClaim {
        match &mut self.detail {
            ClaimDetail::Institutional(detail) => detail,
            ClaimDetail::Professional(_) => panic!("an institutional claim expected"),
        }
    }

    pub(super) fn professional_mut(&mut self) -> &mut ProfessionalClaim {
        match &mut self.detail {
            ClaimDetail::Professional(detail) => detail,
            ClaimDetail::Institutional(_) => panic!("a professional claim expected"),
        }
    }
}

pub(super) fn facts(claim: &Claim, reference: &ReferenceData) -> Facts {
    Facts::gather(claim, reference, &|_| Quantity::ZERO, Vec::new(), Known::NotLoaded)
}

pub(super) fn received(text: &str) -> Receipt {
    Receipt {
        received_on: day(text),
        is_encounter: false,
    }
}

pub(super) fn decided_with(claim: &Claim, receipt: &Receipt, facts: &Facts, reference: &ReferenceData) -> Determination {
    let tables = Tables {
        rules: RulePack::embedded().unwrap(),
        reference,
    };
    adjudicate(claim, receipt, facts, &tables)
}

/// Decided as received on a day.
pub(super) fn decided_on(claim: &Claim, received_on: &str, reference: &ReferenceData) -> Determination {
    decided_with(claim, &received(received_on), &facts(claim, reference), reference)
}

/// Decided as received on 2025-02-15.
pub(super) fn decided(claim: &Claim, reference: &ReferenceData) -> Determination {
    decided_on(claim, "2025-02-15", reference)
}

/// `paid 122.05 CO-45 27.95` for each line.
pub(super) fn lines_of(determination: &Determination) -> Vec<String> {
    determination.lines().iter().map(line_text).collect()
}

/// The lines in one text.
pub(super) fn outcome(determination: &Determination) -> String {
    lines_of(determination).join("; ")
}

fn line_text(line: &LineDetermination) -> String {
    let mut text = serde_json::to_string(&line.outcome()).unwrap().replace('"', "");
    if line.amount_paid() > Money::ZERO {
        text.push_str(&format!(" {}", line.amount_paid()));
    }
    for adjustment in line.adjustments() {
        text.push_str(&format!(" {}-{}", adjustment.group.code(), adjustment.carc));
        if let Some(quantity) = adjustment.quantity {
            text.push_str(&format!("x{quantity}"));
        }
        for rarc in &adjustment.rarcs {
            text.push_str(&format!("/{rarc}"));
        }
        text.push_str(&format!(" {}", adjustment.amount));
    }
    text
}

/// The note of a step; empty when it was not reached.
pub(super) fn note(determination: &Determination, line: u16, rule: Rule) -> String {
    let step = |step: &&Step| step.line == line && step.rule == rule && step.result != StepResult::NotReached;
    determination.trace().iter().find(step).map(|step| step.note.to_string()).unwrap_or_default()
}

/// `signal` for each signal, with its amount.
pub(super) fn signals(determination: &Determination) -> Vec<String> {
    let text = |amount: Option<Money>| amount.map(|amount| format!(" {amount}")).unwrap_or_default();
    let raised = determination
        .signals()
        .iter()
        .map(|raised| format!("{}{}", raised.signal.as_str(), text(raised.amount)));
    let suspicions = determination.suspicions().iter();
    raised.chain(suspicions.map(|suspicion| suspicion.signal.as_str().to_string())).collect()
}

/// Four units of 97112 for the clinic's specialist, two of them used.
pub const THERAPY: &str = "A1,91234567A,approved,service,2025-01-01,2025-01-31,1457389991,951234567,97112,97112,,4,unit,2,";

pub fn therapy(units: u32) -> Claim {
    claim(vec![line("97112", units, &(units * 50).to_string(), "2025-01-20")]).rendered_by(SPECIALIST)
}

pub fn with(claim: &Claim, rows: &[&str]) -> Determination {
    decided(claim, &with_authorizations(rows))
}
