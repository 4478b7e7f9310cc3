//! The reference data that fits a recipe's claims (INTERFACE 4), table by table.

use std::fmt;
use std::io::{self, Write};

use chrono::NaiveDate;

use super::maker::Maker;
use super::members::{Member, Membership, member, primary_care_providers};
use super::providers::{Organization, PRIMARY_CARE_TAXONOMY, organization, organizations, primary_care, routing_number};
use super::recipe::Recipe;
use super::restricted::{COLUMN_ONE, COLUMN_TWO, FEW_OF_A_DAY, FEW_OF_A_LINE, NEEDS_PROCEDURE, RESTRICTED};
use super::services::{
    COSTLY_GROUP, FOR_NEWBORNS, FOR_WOMEN, NOT_AT_HOME, NOT_COVERED, OF_HOSPITAL, OF_NETWORK, PACKAGED, REFERRED, REVENUE_SERVICES, WEIGHTED_GROUP, WRAPPED,
    listed_procedures, priced_procedures,
};
use crate::ids::Form;
use crate::money::Money;

/// One CSV file of the reference data directory.
#[derive(Clone, Copy)]
pub struct ReferenceFile {
    pub file_name: &'static str,
    columns: &'static str,
    rows: fn(&Recipe, &mut Rows<'_>) -> io::Result<()>,
}

impl fmt::Debug for ReferenceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReferenceFile").field("file_name", &self.file_name).finish_non_exhaustive()
    }
}

impl ReferenceFile {
    /// Writes the table that fits the claims of a recipe.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, recipe: &Recipe, out: &mut dyn Write) -> io::Result<()> {
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record(self.columns.split(','))?;
        (self.rows)(recipe, &mut csv)?;
        csv.flush()
    }
}

type Rows<'a> = csv::Writer<&'a mut dyn Write>;

/// Every table that adjudicating a recipe's claims needs.
pub const REFERENCE_FILES: &[ReferenceFile] = &[
    ReferenceFile {
        file_name: "members.csv",
        columns: "cin,birth_date,sex,eligible_from,eligible_to,aid_code,network,pcp_npi,share_of_cost,death_date,other_coverage,added_on,ohc_code,hospice",
        rows: members,
    },
    ReferenceFile {
        file_name: "providers.csv",
        columns: "npi,tin,group_tin,taxonomy,kind,contracted,enrolled_from,enrolled_to,payment,routing,account,group_npi,tertiary",
        rows: providers,
    },
    ReferenceFile {
        file_name: "authorizations.csv",
        columns: "auth_number,cin,status,type,service_from,service_to,provider_npi,group_tin,code_from,code_to,modifier,units,unit_basis,units_used,notified_at,referral",
        rows: authorizations,
    },
    ReferenceFile {
        file_name: "prior_auth_codes.csv",
        columns: "code_from,code_to,modifier,line_of_business,effective_from,effective_to,requirement,note,list",
        rows: prior_auth_codes,
    },
    ReferenceFile {
        file_name: "restrictions.csv",
        columns: "rule_id,kind,code_type,code_from,code_to,effective_from,effective_to,params,action,group,carc,rarc",
        rows: restrictions,
    },
    ReferenceFile {
        file_name: "fee_schedule.csv",
        columns: "code_type,code,modifier,method,amount,effective_from,effective_to,form,weight,cost_percent,outlier_threshold,outlier_percent",
        rows: fee_schedule,
    },
    ReferenceFile {
        file_name: "networks.csv",
        columns: "network,name,service_category,effective_from,effective_to,responsible,forward_to,carc,rarc,code_type,code_from,code_to",
        rows: networks,
    },
    ReferenceFile {
        file_name: "filing_limits.csv",
        columns: "network,contracted,received_from,received_to,unit,limit,grace_days,source",
        rows: filing_limits,
    },
    ReferenceFile {
        file_name: "filing_exceptions.csv",
        columns: "kind,cin,billing_npi,service_from,service_to,first_received_on,source",
        rows: filing_exceptions,
    },
    ReferenceFile {
        file_name: "ncci_ptp.csv",
        columns: "Column 1,Column 2,*=in existence prior to 1996,Effective Date,Deletion Date *=no data,Modifier 0=not allowed 1=allowed 9=not applicable,PTP Edit Rationale",
        rows: ncci_pairs,
    },
    ReferenceFile {
        file_name: "mue.csv",
        columns: "HCPCS/CPT Code,MUE Values,MUE Adjudication Indicator,MUE Rationale",
        rows: unit_limits,
    },
];

fn members(recipe: &Recipe, out: &mut Rows<'_>) -> io::Result<()> {
    let membership = Membership::of(recipe);
    for number in 0..membership.total() {
        let person = member(recipe, membership, number);
        for (from, to) in &person.coverage {
            out.write_record(member_row(&person, *from, *to))?;
        }
    }
    Ok(())
}

fn member_row(person: &Member, from: NaiveDate, to: Option<NaiveDate>) -> [String; 14] {
    [
        person.cin.clone(),
        person.birth_date.to_string(),
        person.sex.to_string(),
        from.to_string(),
        iso(to),
        person.aid_code.to_string(),
        person.network.to_string(),
        person.pcp.map(|number| primary_care(number).0).unwrap_or_default(),
        person.share_of_cost.to_string(),
        iso(person.death_date),
        if person.is_insured { "yes" } else { "" }.to_string(),
        person.added_on.unwrap_or(from).to_string(),
        person.ohc_code.to_string(),
        if person.is_in_hospice { "yes" } else { "" }.to_string(),
    ]
}

fn providers(recipe: &Recipe, out: &mut Rows<'_>) -> io::Result<()> {
    let since = in_force(recipe);
    let mut account = 0;
    let ended = recipe.days_before(200).to_string();
    let mut row = |npi: &str, tin: &str, taxonomy: &str, kind: &str, contracted: &str, until: &str, is_tertiary: bool| {
        account += 1;
        // Every eighth payee is paid by check.
        let (payment, routing, number) = match account % 8 {
            0 => ("check", String::new(), String::new()),
            _ => ("ach", routing_number(account), format!("{:010}", 7_000_000_000 + account)),
        };
        out.write_record([
            npi,
            tin,
            tin,
            taxonomy,
            kind,
            contracted,
            &since,
            until,
            payment,
            &routing,
            &number,
            "",
            if is_tertiary { "yes" } else { "" },
        ])
    };
    for form in [Form::Professional, Form::Institutional] {
        let outsider = organizations(recipe, form);
        for number in 0..=outsider + 2 {
            let place: Organization = organization(form, number);
            let until = if number == outsider + 1 { &ended } else { "" };
            let contracted = if number == outsider { "no" } else { "yes" };
            let kind = match form {
                Form::Professional => "other",
                Form::Institutional => "facility",
            };
            row(&place.npi, &place.tin, place.taxonomy, kind, contracted, until, number == outsider + 2)?;
            for role in place.roles() {
                let person = place.practitioner(*role);
                row(&person.npi, &place.tin, person.taxonomy, person.kind, contracted, until, false)?;
            }
        }
    }
    for number in 0..primary_care_providers(recipe) {
        let (npi, tin) = primary_care(number);
        row(&npi, &tin, PRIMARY_CARE_TAXONOMY, "pcp", "yes", "", false)?;
    }
    Ok(())
}

fn authorizations(recipe: &Recipe, out: &mut Rows<'_>) -> io::Result<()> {
    for claim in Maker::new(recipe).claims() {
        for row in &claim.authorizations {
            out.write_record([
                &row.number,
                &row.cin,
                row.status,
                row.kind,
                &row.service_from.to_string(),
                &row.service_to.to_string(),
                &row.provider_npi,
                &row.group_tin,
                row.code,
                row.code,
                "",
                &row.units.to_string(),
                row.unit_basis,
                &row.units_used.to_string(),
                // Noon in California: within 24 hours of an admission at 8:15.
                &row.notified_on.map(|day| format!("{day}T20:00:00Z")).unwrap_or_default(),
                &if row.is_referral { "yes".to_string() } else { String::new() },
            ])?;
        }
    }
    Ok(())
}

fn prior_auth_codes(recipe: &Recipe, out: &mut Rows<'_>) -> io::Result<()> {
    let since = in_force(recipe);
    for procedure in listed_procedures() {
        out.write_record([procedure.code, procedure.code, "", "medi-cal", &since, "", "required", "synthetic", ""])?;
    }
    for (procedure, list) in [(WRAPPED, "wrap"), (REFERRED, "referral")] {
        out.write_record([procedure.code, procedure.code, "", "medi-cal", &since, "", "required", "synthetic", list])?;
    }
    // Scheduled admissions need one for the room.
    out.write_record(["0120", "0120", "", "medi-cal", &since, "", "required", "synthetic", ""])?;
    Ok(())
}

fn restrictions(recipe: &Recipe, out: &mut Rows<'_>) -> io::Result<()> {
    let since = in_force(recipe);
    let mut row = |rule: &str, kind, code_type, code, params, carc, rarc, action| {
        out.write_record([rule, kind, code_type, code, code, &since, "", params, action, "CO", carc, rarc])
    };
    for (rule, kind, procedure, params, carc, rarc) in [
        ("SYN-SEX", "sex", &FOR_WOMEN, r#"{"sex":"F"}"#, "7", ""),
        ("SYN-AGE", "age", &FOR_NEWBORNS, r#"{"min_years":0,"max_years":0}"#, "6", "N129"),
        ("SYN-POS", "place_of_service", &NOT_AT_HOME, r#"{"allow":["11","22"]}"#, "5", "M77"),
        ("SYN-BENEFIT", "non_covered", &NOT_COVERED, "{}", "96", "N130"),
    ] {
        row(rule, kind, "HCPCS", procedure.code, params, carc, rarc, "deny")?;
    }
    for restricted in RESTRICTED {
        let rule = format!("SYN-{}", restricted.scenario.name().to_ascii_uppercase());
        row(
            &rule,
            restricted.kind,
            "HCPCS",
            restricted.procedure.code,
            restricted.params,
            restricted.carc,
            restricted.rarc,
            restricted.action,
        )?;
    }
    let params = r#"{"require_procedure":true}"#;
    row(
        "SYN-PROCEDURE-MISSING",
        "revenue_needs_procedure",
        "REV",
        NEEDS_PROCEDURE.code,
        params,
        "16",
        "M20",
        "deny",
    )?;
    Ok(())
}

/// As CMS publishes them, with made-up codes.
fn ncci_pairs(recipe: &Recipe, out: &mut Rows<'_>) -> io::Result<()> {
    let since = in_force(recipe).replace('-', "");
    out.write_record([COLUMN_ONE.code, COLUMN_TWO.code, "", &since, "*", "1", "synthetic"])?;
    Ok(())
}

fn unit_limits(_: &Recipe, out: &mut Rows<'_>) -> io::Result<()> {
    for ((procedure, most), indicator) in [(FEW_OF_A_LINE, "1 Line Edit"), (FEW_OF_A_DAY, "2 Date of Service Edit: Policy")] {
        out.write_record([procedure.code, &most.to_string(), indicator, "synthetic"])?;
    }
    Ok(())
}

fn fee_schedule(recipe: &Recipe, out: &mut Rows<'_>) -> io::Result<()> {
    let since = in_force(recipe);
    for (procedure, modifiers) in priced_procedures() {
        for modifier in modifiers {
            let fee = procedure.fee().to_string();
            out.write_record(["HCPCS", procedure.code, modifier, "fee", &fee, &since, "", "", "", "", "", ""])?;
        }
    }
    for service in REVENUE_SERVICES {
        let (method, amount) = service.rate.columns();
        out.write_record(["REV", service.code, "", method, &amount, &since, "", "", "", "", "", ""])?;
    }
    let fee = OF_HOSPITAL.fee().to_string();
    out.write_record(["HCPCS", OF_HOSPITAL.code, "", "fee", &fee, &since, "", "hospital", "", "", "", ""])?;
    out.write_record(["HCPCS", PACKAGED.code, "", "packaged", "", &since, "", "hospital", "", "", "", ""])?;
    // A weight that leaves the rate as it is known here.
    let base = Money::from_cents(WEIGHTED_GROUP.1 / 5 * 4).to_string();
    out.write_record(["DRG", WEIGHTED_GROUP.0, "", "case", &base, &since, "", "", "1.25", "", "", ""])?;
    let rate = Money::from_cents(COSTLY_GROUP.1).to_string();
    out.write_record(["DRG", COSTLY_GROUP.0, "", "case", &rate, &since, "", "", "", "50", "10000", "60"])?;
    Ok(())
}

fn networks(recipe: &Recipe, out: &mut Rows<'_>) -> io::Result<()> {
    let since = in_force(recipe);
    for (network, name, responsible, forward_to, carc) in [
        ("COD", "SYNTHETIC DIRECT", "plan", "", ""),
        ("CCN", "SYNTHETIC COMMUNITY NETWORK", "plan", "", ""),
        ("CHOC", "SYNTHETIC ALLIANCE", "network", "CHOC", ""),
        ("FCHS", "SYNTHETIC FAMILY NETWORK", "network", "", ""),
        ("AMVI", "SYNTHETIC CAPITATED GROUP", "network", "", "24"),
        ("SPLT", "SYNTHETIC SPLIT NETWORK", "plan", "", ""),
        ("NNTY", "SYNTHETIC NETWORK OF NINETY DAYS", "plan", "", ""),
        ("GRCE", "SYNTHETIC NETWORK OF GRACE", "plan", "", ""),
    ] {
        for category in ["professional", "hospital"] {
            out.write_record([network, name, category, &since, "", responsible, forward_to, carc, "", "", "", ""])?;
        }
    }
    let set_apart = ["HCPCS", OF_NETWORK.code, ""];
    let row = ["SPLT", "SYNTHETIC SPLIT NETWORK", "professional", &since, "", "network", "", "24", ""];
    out.write_record(row.iter().chain(&set_apart))?;
    Ok(())
}

fn filing_limits(_: &Recipe, out: &mut Rows<'_>) -> io::Result<()> {
    out.write_record(["*", "*", "", "", "days", "365", "0", "synthetic"])?;
    out.write_record(["NNTY", "yes", "", "", "days", "90", "0", "synthetic"])?;
    out.write_record(["GRCE", "yes", "", "", "days", "365", "365", "synthetic"])?;
    Ok(())
}

fn filing_exceptions(recipe: &Recipe, out: &mut Rows<'_>) -> io::Result<()> {
    for claim in Maker::new(recipe).claims() {
        let (Some((kind, first_received_on)), Some(line)) = (claim.filing_exception(), claim.lines.first()) else {
            continue;
        };
        let day = line.date.to_string();
        let npi = &claim.organization.npi;
        out.write_record([kind, &claim.member.cin, npi, &day, &day, &iso(first_received_on), "synthetic"])?;
    }
    Ok(())
}

/// Everything is in force from before the earliest service date.
fn in_force(recipe: &Recipe) -> String {
    recipe.days_before(6 * 366).to_string()
}

fn iso(date: Option<NaiveDate>) -> String {
    date.map(|date| date.to_string()).unwrap_or_default()
}
