"""Prints identifiers, made at random, with what python-stdnum says of each: {kind, text, valid} by line.

A template has 9 for a digit, A for a capital, X for either, {d}, {m}, {y}, {Y} for the parts of a date, and else itself.
"""
import importlib, json, random, re, sys

# kind, module, template, word that must stand before, whether ours may accept what stdnum refuses (fewer rules).
KINDS = [
    ("pii.imei", "imei", "999999999999999", "IMEI", False),
    ("pii.us-ssn", "us.ssn", "999-99-9999", "", False),
    ("pii.us-itin", "us.itin", "9{itin}-99-9999", "ITIN", True),
    ("pii.us-aba", "us.rtn", "0{rtn}9999999", "routing", False),
    ("pii.ca-sin", "ca.sin", "999-999-999", "", False),
    ("pii.br-cpf", "br.cpf", "999.999.999-99", "", False),
    ("pii.br-cnpj", "br.cnpj", "99.999.999/9999-99", "", False),
    ("pii.mx-curp", "mx.curp", "{curp}{y}{m}{d}HDFRRL09", "", False),
    ("pii.ar-cuit", "ar.cuit", "20-99999999-9", "", False),
    ("pii.cl-rut", "cl.rut", "99999999-9", "", False),
    ("pii.pe-ruc", "pe.ruc", "20999999999", "RUC", False),
    ("pii.ec-cedula", "ec.ci", "1799999999", "cedula", False),
    ("phi.uk-nhs", "gb.nhs", "999 999 9999", "", False),
    ("pii.uk-utr", "gb.utr", "9999999999", "UTR", False),
    ("pii.ie-pps", "ie.pps", "9999999A", "PPS", False),
    ("pii.ie-pps", "ie.pps", "9999999AA", "PPS", False),
    ("pii.de-tax-id", "de.idnr", "99999999999", "Steuer-ID", True),
    ("pii.at-svnr", "at.vnr", "9999{d}{m}{y}", "SVNR", False),
    ("pii.ch-ahv", "ch.ssn", "756.9999.9999.99", "", False),
    ("pii.fr-nir", "fr.nir", "1{y}{m}9999999999", "", False),
    ("pii.fr-siret", "fr.siret", "99999999999999", "SIRET", True),
    ("pii.nl-bsn", "nl.bsn", "999999999", "BSN", False),
    ("pii.be-rrn", "be.nn", "{y}.{m}.{d}-999.99", "", True),
    ("pii.es-nif", "es.dni", "99999999A", "", False),
    ("pii.es-nie", "es.nie", "X9999999A", "", False),
    ("pii.it-vat", "it.iva", "99999999999", "partita iva", True),
    ("pii.pt-nif", "pt.nif", "299999999", "NIF", False),
    ("pii.gr-amka", "gr.amka", "{d}{m}{y}99999", "AMKA", True),
    ("pii.gr-afm", "gr.vat", "999999999", "AFM", False),
    ("pii.pl-pesel", "pl.pesel", "{y}{m}{d}99999", "PESEL", True),
    ("pii.pl-nip", "pl.nip", "9999999999", "NIP", False),
    ("pii.cz-birth-number", "cz.rc", "{y}{m}{d}/9999", "", True),
    ("pii.ro-cnp", "ro.cnp", "1{y}{m}{d}129999", "CNP", True),
    ("pii.bg-egn", "bg.egn", "{y}{m}{d}9999", "EGN", True),
    ("pii.hr-oib", "hr.oib", "99999999999", "OIB", False),
    ("pii.si-emso", "si.emso", "{d}{m}9{y}509999", "EMSO", True),
    ("pii.ee-isikukood", "ee.ik", "3{y}{m}{d}9999", "isikukood", True),
    ("pii.se-personnummer", "se.personnummer", "{y}{m}{d}-9999", "", True),
    ("pii.no-fnr", "no.fodselsnummer", "{d}{m}{y}99999", "", True),
    ("pii.fi-hetu", "fi.hetu", "{d}{m}{y}-999X", "", True),
    ("pii.is-kennitala", "is_.kennitala", "{d}{m}{y}-9999", "", True),
    ("pii.tr-id", "tr.tckimlik", "99999999999", "kimlik", False),
    ("pii.in-aadhaar", "in_.aadhaar", "9999 9999 9999", "", True),
    ("pii.in-pan", "in_.pan", "AAAPA9999A", "", True),
    ("pii.in-gstin", "in_.gstin", "27AAAPA9999A1Z9", "", True),
    ("pii.cn-id", "cn.ric", "110101{Y}{m}{d}9999", "", True),
    ("pii.kr-rrn", "kr.rrn", "{y}{m}{d}-1999999", "", True),
    ("pii.th-id", "th.pin", "1-9999-99999-99-9", "", True),
    ("pii.il-id", "il.idnr", "999999999", "Israeli ID", True),
    ("pii.za-id", "za.idnr", "{y}{m}{d}9999089", "South African", True),
    ("pii.au-abn", "au.abn", "99 999 999 999", "ABN", False),
    ("pii.au-acn", "au.acn", "999 999 999", "ACN", False),
    ("pii.au-tfn", "au.tfn", "999 999 999", "TFN", False),
    ("pii.nz-ird", "nz.ird", "099-999-999", "IRD", True),
    ("pii.fr-nir", "fr.nir", "2{y}{m}2A99999999", "", False),
    ("pii.ru-inn", "ru.inn", "999999999999", "ИНН", True),
    ("pii.ua-rnokpp", "ua.rntrc", "9999999999", "РНОКПП", False),
    ("pii.co-nit", "co.nit", "999999999-9", "NIT", False),
    ("pii.do-cedula", "do.cedula", "001-9999999-9", "cedula", True),
    ("pii.de-vat", "de.vat", "DE999999999", "", False),
    ("pii.se-orgnr", "se.orgnr", "556999-9999", "orgnr", True),
    ("pii.lv-personal-code", "lv.pvn", "{d}{m}{y}-19999", "personas kods", True),
    ("pii.fr-siren", "fr.siren", "999999999", "SIREN", False),
    ("pii.ch-uid", "ch.uid", "CHE-999.999.999", "", False),
    ("pii.be-enterprise", "be.vat", "0999.999.999", "", False),
    ("pii.es-cif", "es.cif", "B99999999", "CIF", True),
    ("pii.es-cif", "es.cif", "P9999999A", "CIF", True),
    ("pii.dk-cvr", "dk.cvr", "99999999", "CVR", False),
    ("pii.no-orgnr", "no.orgnr", "999999999", "orgnr", False),
    ("pii.fi-business-id", "fi.ytunnus", "9999999-9", "Y-tunnus", False),
    ("pii.cz-ico", "cz.dic", "29999999", "IČO", False),
    ("pii.pl-regon", "pl.regon", "999999999", "REGON", False),
    ("pii.ee-registry-code", "ee.registrikood", "19999999", "registrikood", False),
    ("pii.ru-ogrn", "ru.ogrn", "1029999999999", "ОГРН", True),
    ("pii.jp-corporate-number", "jp.cn", "9999999999999", "法人番号", False),
    ("pii.it-fiscal-code", "it.codicefiscale", "AAAAAA{y}B{d}H501A", "", True),
    ("pii.id-nik", "id.nik", "110101{d}{m}{y}9999", "NIK", True),
    ("pii.iban", "iban", "DE99999999999999999999", "", False),
    ("pii.iban", "iban", "NL99ABNA9999999999", "", False),
    ("pii.crypto-btc", "bitcoin", "", "", False),
]

UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS = "0123456789"


def make(rng, template):
    parts = {
        "d": "%02d" % rng.randint(1, 28), "m": "%02d" % rng.randint(1, 12), "y": "%02d" % rng.randint(40, 99), "Y": str(rng.randint(1940, 2005)),
        "itin": "%02d" % rng.randint(0, 99), "rtn": rng.choice("0123456789"),
        "curp": rng.choice(UPPER) + rng.choice("AEIOU") + rng.choice(UPPER) + rng.choice(UPPER),
    }
    text = re.sub(r"\{(\w+)\}", lambda m: "".join("\x00" + c for c in parts[m.group(1)]), template)
    out, i = "", 0
    while i < len(text):
        c = text[i]
        if c == "\x00":
            i += 1
            out += text[i]
        elif c == "9":
            out += rng.choice(DIGITS)
        elif c == "A" and not template.startswith("NL") and not template.startswith("27AAAP"):
            out += rng.choice(UPPER)
        else:
            out += c if c != "X" or "999X" not in template else rng.choice("0123456789ABCDEFHJKLMNPRSTUVWXY")
        i += 1
    return out


ADDRESSES = ["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"]


def main():
    rng = random.Random(7)
    for kind, module, template, word, lax in KINDS:
        valid = importlib.import_module("stdnum." + module).is_valid
        texts = ADDRESSES if not template else (make(rng, template) for _ in range(20000))
        good = bad = 0
        for t in texts:
            ok = valid(t)
            if ok and good < 60 or not ok and bad < 120:
                good, bad = good + ok, bad + (not ok)
                print(json.dumps({"kind": kind, "text": (word + " " + t).strip(), "valid": ok, "lax": lax}))
            if good >= 60 and bad >= 120:
                break
        if good == 0:
            sys.exit("no valid number of %s was made" % kind)


main()
