//! What is billed and what it costs: procedures, revenue codes, diagnoses. Numbers without their
//! licensed texts; amounts are made up.

use super::restricted;
use crate::money::Money;

/// A procedure with its fee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Procedure {
    pub code: &'static str,
    pub fee_cents: i64,
    /// Where a hospital's outpatient department books it.
    pub revenue: &'static str,
    /// Laboratory services carry a CLIA number.
    pub is_laboratory: bool,
}

impl Procedure {
    pub(super) fn fee(&self) -> Money {
        Money::from_cents(self.fee_cents)
    }
}

pub(super) const fn procedure(code: &'static str, fee_cents: i64, revenue: &'static str) -> Procedure {
    Procedure {
        code,
        fee_cents,
        revenue,
        is_laboratory: false,
    }
}

const fn laboratory(code: &'static str, fee_cents: i64, revenue: &'static str) -> Procedure {
    Procedure {
        code,
        fee_cents,
        revenue,
        is_laboratory: true,
    }
}

/// A first visit and a later one: by a specialist, a consult and its follow-up (DOMAIN C2 P3, P4).
pub(super) const FIRST_VISIT: Procedure = procedure("99203", 10155, "0510");
pub(super) const LATER_VISIT: Procedure = procedure("99213", 7240, "0510");

/// Office visits; billed with modifier 25 beside a procedure.
pub(super) const VISITS: &[Procedure] = &[
    procedure("99202", 6750, "0510"),
    FIRST_VISIT,
    procedure("99212", 4310, "0510"),
    LATER_VISIT,
    procedure("99214", 12205, "0510"),
];

/// What goes with a visit. No two of them are one another's component.
pub(super) const ANCILLARIES: &[Procedure] = &[
    laboratory("85025", 865, "0305"),
    procedure("93000", 1625, "0730"),
    laboratory("83036", 1080, "0301"),
    procedure("71046", 2840, "0324"),
    laboratory("80053", 1175, "0301"),
    procedure("94010", 2915, "0460"),
    laboratory("81002", 350, "0307"),
    procedure("73030", 2560, "0320"),
    laboratory("80061", 1490, "0301"),
    procedure("76700", 9830, "0402"),
    laboratory("87880", 1820, "0306"),
];

/// Timed therapy, billed in units with modifier GP, no authorization.
pub(super) const THERAPY: Procedure = procedure("97110", 2735, "0420");
pub(super) const MANUAL_THERAPY: Procedure = procedure("97140", 2515, "0420");
/// Timed therapy on the authorization list.
pub(super) const LISTED_THERAPY: Procedure = procedure("97112", 3105, "0420");

/// On the authorization list.
pub(super) const LISTED_PROCEDURES: &[Procedure] = &[
    procedure("70553", 32780, "0615"),
    procedure("72148", 24115, "0612"),
    procedure("73721", 23590, "0610"),
    procedure("64483", 21045, "0361"),
    procedure("95810", 61230, "0740"),
];

/// On the authorization list, for claims that show an exempt service (DOMAIN C3).
pub(super) const EXEMPTED: Procedure = procedure("X9301", 6_000, "0510");
pub(super) const HIV_TEST: Procedure = laboratory("87389", 2_410, "0302");
/// Listed for an authorization of its own kind, and for a referral.
pub(super) const WRAPPED: Procedure = procedure("X9302", 4_500, "0510");
pub(super) const REFERRED: Procedure = procedure("X9303", 5_500, "0510");
/// A repair that is listed, and cheap.
pub(super) const REPAIR: Procedure = procedure("K0739", 2_000, "0290");
/// The first of a new member, which is its primary care provider's.
pub(super) const ASSESSMENT: Procedure = procedure("99385", 11_200, "0510");
/// On the authorization list, for whoever is not the member's own provider.
pub(super) const LISTED_EXAMINATION: Procedure = procedure("99396", 10_900, "0510");
/// Of a kind that no code is for.
pub(super) const UNLISTED: Procedure = procedure("64999", 9_000, "0510");
/// The network of some members answers for it.
pub(super) const OF_NETWORK: Procedure = procedure("X9304", 3_500, "0510");
/// Hospitals have a rate of their own, and are paid for another with what stands beside it.
pub(super) const OF_HOSPITAL: Procedure = procedure("X9305", 6_400, "0510");
pub(super) const PACKAGED: Procedure = procedure("X9306", 0, "0510");
/// Groups of stays with their rates in cents: by weight, and for a stay that cost far more.
pub(super) const WEIGHTED_GROUP: (&str, i64) = ("901", 812_350);
pub(super) const COSTLY_GROUP: (&str, i64) = ("902", 800_000);
/// A visit of the highest level, which needs an authorization where a specialist bills it (DOMAIN C2 P5).
pub(super) const HIGH_LEVEL_VISIT: Procedure = procedure("99215", 17_110, "0510");

/// The initial consult of a specialist, which needs an authorization (DOMAIN C2 P3).
pub(super) const CONSULT: Procedure = procedure("99204", 15360, "0510");

pub(super) const EMERGENCY_VISITS: &[Procedure] = &[
    procedure("99283", 6985, "0450"),
    procedure("99284", 11860, "0450"),
    procedure("99285", 17225, "0450"),
];
/// On the authorization list, but done in the emergency room (DOMAIN C3).
pub(super) const EMERGENCY_PROCEDURE: Procedure = procedure("31575", 12540, "0450");

pub(super) const DRUG: Procedure = procedure("J3420", 145, "0636");
pub(super) const INJECTION: Procedure = procedure("96372", 1405, "0510");
/// Made-up NDC of the drug.
pub(super) const DRUG_NDC: &str = "99999000101";

/// One per restriction row.
pub(super) const FOR_WOMEN: Procedure = procedure("58300", 7615, "0510");
pub(super) const FOR_NEWBORNS: Procedure = procedure("99460", 8890, "0510");
pub(super) const NOT_AT_HOME: Procedure = procedure("93306", 19870, "0483");
pub(super) const NOT_COVERED: Procedure = procedure("15775", 45000, "0361");
/// On no fee schedule.
pub(super) const UNPRICED: Procedure = procedure("98966", 0, "0510");

/// Rows of the fee schedule, with the modifiers they are billed with.
pub(super) fn priced_procedures() -> impl Iterator<Item = (&'static Procedure, &'static [&'static str])> {
    const PLAIN: &[&str] = &[""];
    let plain = [ANCILLARIES, LISTED_PROCEDURES, EMERGENCY_VISITS].into_iter().flatten();
    let single = [
        &CONSULT,
        &LISTED_THERAPY,
        &EMERGENCY_PROCEDURE,
        &DRUG,
        &INJECTION,
        &FOR_WOMEN,
        &FOR_NEWBORNS,
        &NOT_AT_HOME,
        &NOT_COVERED,
        &EXEMPTED,
        &HIV_TEST,
        &WRAPPED,
        &REFERRED,
        &HIGH_LEVEL_VISIT,
        &REPAIR,
        &ASSESSMENT,
        &LISTED_EXAMINATION,
        &UNLISTED,
        &OF_NETWORK,
    ];
    VISITS
        .iter()
        .map(|visit| (visit, &["", "25"][..]))
        .chain([&THERAPY, &MANUAL_THERAPY].map(|therapy| (therapy, &["", "GP"][..])))
        .chain(plain.map(|procedure| (procedure, PLAIN)))
        .chain(single.map(|procedure| (procedure, PLAIN)))
        .chain(restricted::priced().map(|procedure| (procedure, PLAIN)))
}

/// The procedures of `prior_auth_codes.csv`.
pub(super) fn listed_procedures() -> impl Iterator<Item = &'static Procedure> {
    LISTED_PROCEDURES
        .iter()
        .chain([&LISTED_THERAPY, &EMERGENCY_PROCEDURE, &EXEMPTED, &HIV_TEST, &REPAIR, &LISTED_EXAMINATION])
}

/// How a revenue code without a procedure is priced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RevenueRate {
    PerDiemCents(i64),
    CaseCents(i64),
    Percent(i64),
}

impl RevenueRate {
    /// `method` and `amount` of `fee_schedule.csv`.
    pub(super) fn columns(self) -> (&'static str, String) {
        match self {
            RevenueRate::PerDiemCents(cents) => ("per_diem", Money::from_cents(cents).to_string()),
            RevenueRate::CaseCents(cents) => ("case", Money::from_cents(cents).to_string()),
            RevenueRate::Percent(percent) => ("percent", percent.to_string()),
        }
    }
}

/// A revenue code that is billed without a procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RevenueService {
    pub code: &'static str,
    pub rate: RevenueRate,
}

pub(super) const ROOM: RevenueService = RevenueService {
    code: "0120",
    rate: RevenueRate::PerDiemCents(165_000),
};
/// A room of another level of care than [`ROOM`].
pub(super) const OTHER_ROOM_CODE: &str = "0110";
pub(super) const MATERNITY_ROOM: RevenueService = RevenueService {
    code: "0122",
    rate: RevenueRate::CaseCents(420_000),
};
pub(super) const PHARMACY: RevenueService = RevenueService {
    code: "0250",
    rate: RevenueRate::Percent(40),
};
pub(super) const SUPPLIES: RevenueService = RevenueService {
    code: "0270",
    rate: RevenueRate::Percent(35),
};
pub(super) const INPATIENT_LABORATORY: RevenueService = RevenueService {
    code: "0300",
    rate: RevenueRate::Percent(45),
};
pub(super) const RESPIRATORY: RevenueService = RevenueService {
    code: "0410",
    rate: RevenueRate::Percent(50),
};
pub(super) const DELIVERY_ROOM: RevenueService = RevenueService {
    code: "0722",
    rate: RevenueRate::Percent(25),
};

pub(super) const REVENUE_SERVICES: &[RevenueService] = &[
    ROOM,
    MATERNITY_ROOM,
    PHARMACY,
    SUPPLIES,
    INPATIENT_LABORATORY,
    RESPIRATORY,
    DELIVERY_ROOM,
    restricted::NEEDS_PROCEDURE,
];

/// Reasons for a visit. None of them exempts a service from authorization (DOMAIN C3).
pub(super) const DIAGNOSES: &[&str] = &[
    "I10", "E119", "E785", "J069", "J209", "K219", "M5450", "M25511", "R0789", "R109", "N390", "F411", "L309", "R519", "E039", "J45909", "D649", "R5383",
];
pub(super) const PROCEDURE_DIAGNOSES: &[&str] = &["G43909", "M5416", "M25561", "R569", "G4733", "M5412"];
pub(super) const EMERGENCY_DIAGNOSES: &[&str] = &["R0789", "R109", "R55", "J9801", "T17208A"];

/// A reason for admission with its group (HI*DR).
pub(super) const ADMISSIONS: &[(&str, &str)] = &[
    ("J189", "193"),
    ("N179", "683"),
    ("A419", "871"),
    ("J441", "190"),
    ("K8000", "418"),
    ("I5023", "291"),
];
pub(super) const DELIVERY_DIAGNOSIS: &str = "O80";
pub(super) const DELIVERY_OUTCOME: &str = "Z370";
pub(super) const DELIVERY_GROUP: &str = "807";
pub(super) const DELIVERY_PROCEDURE: &str = "10E0XZZ";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_code_has_one_price() {
        let rows: Vec<(&str, &str)> = priced_procedures()
            .flat_map(|(procedure, modifiers)| modifiers.iter().map(|modifier| (procedure.code, *modifier)))
            .collect();
        assert_eq!(rows.iter().collect::<BTreeSet<_>>().len(), rows.len());
        assert!(rows.iter().all(|(code, _)| *code != UNPRICED.code));
        assert!(listed_procedures().all(|listed| rows.iter().any(|(code, _)| *code == listed.code)));
    }

    #[test]
    fn a_line_is_priced_by_its_procedure_or_its_revenue_code_never_by_both() {
        for service in REVENUE_SERVICES {
            assert!(priced_procedures().all(|(procedure, _)| procedure.revenue != service.code), "{}", service.code);
        }
    }
}
