use super::*;
use crate::text::normalize;
use hualu_core::dialogue::{SayAs, Span};
use std::path::Path;

fn shipped() -> Option<G2p> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/lexicon_zh/lexicon.tsv");
    if !path.exists() {
        println!("skipped: {} is missing", path.display());
        return None;
    }
    let lexicon = Lexicon::load(&path).expect("the shipped lexicon is well formed");
    Some(G2p::new(Arc::new(lexicon)).expect("the hotline words are well formed"))
}

/// Syllables with tones; `|` ends a prosodic word, `/` `,` `.` `?` are pauses.
fn spelled(g2p: &G2p, spans: &[Span]) -> String {
    let mut out = String::new();
    for syllable in g2p.pronounce(&normalize(spans)).syllables {
        out.push_str(&format!("{}{}", syllable.pinyin, syllable.tone));
        out.push_str(match syllable.boundary {
            Boundary::None => " ",
            Boundary::Word => " | ",
            Boundary::Phrase => " / ",
            Boundary::Clause => " , ",
            Boundary::Sentence => " .",
            Boundary::Question => " ?",
        });
    }
    out.trim_end_matches([' ', '|']).to_owned()
}

fn check(table: &[(&str, &str)]) {
    let Some(g2p) = shipped() else { return };
    for (text, expected) in table {
        assert_eq!(spelled(&g2p, &[Span::plain(text)]), *expected, "{text}");
    }
}

fn check_tones(table: &[(&str, &str)]) {
    let Some(g2p) = shipped() else { return };
    for (text, expected) in table {
        let spelled = spelled(&g2p, &[Span::plain(text)]);
        assert_eq!(spelled.replace(" |", ""), *expected, "{text}");
    }
}

#[test]
fn polyphones_are_read_by_their_word() {
    check_tones(&[
        ("银行", "yin2 hang2"),
        ("行不行", "xing2 bu5 xing2"),
        ("重庆", "chong2 qing4"),
        ("重置密码", "chong2 zhi4 mi4 ma3"),
        ("还款", "huan2 kuan3"),
        ("还剩五元", "hai2 sheng4 wu3 yuan2"),
        ("长大", "zhang3 da4"),
        ("通话时长", "tong1 hua4 shi2 chang2"),
        ("调整套餐", "tiao2 zheng3 tao4 can1"),
        ("手机号码", "shou3 ji1 hao4 ma3"),
        ("上不了网", "shang4 bu5 liao2 wang3"),
        ("成都的中行", "cheng2 du1 de5 zhong1 hang2"),
        ("绿色", "lv4 se4"),
        ("朝阳区", "chao2 yang2 qu1"),
        ("金融行业", "jin1 rong2 hang2 ye4"),
        ("重新办理", "chong2 xin1 ban4 li3"),
        ("应付金额", "ying1 fu4 jin1 e2"),
        ("您还得先还款", "nin2 hai2 dei3 xian1 huan2 kuan3"),
        ("这个地方", "zhe4 ge5 di4 fang5"),
        ("关闭弹窗", "guan1 bi4 tan2 chuang1"),
        ("预约靓号", "yu4 yue1 liang4 hao4"),
        ("转账和传真", "zhuan3 zhang4 he2 chuan2 zhen1"),
        ("供应数量", "gong1 ying4 shu4 liang4"),
        ("强制降低", "qiang2 zhi4 jiang4 di1"),
        ("累计差额", "lei3 ji4 cha1 e2"),
        ("为什么处理", "wei4 shen2 me5 chu2 li3"),
    ]);
}

#[test]
fn third_tones_change_inside_prosodic_words() {
    check_tones(&[
        ("你好", "ni2 hao3"),
        ("可以", "ke2 yi3"),
        ("我想买", "wo2 xiang2 mai3"),
        ("展览馆", "zhan2 lan2 guan3"),
        ("小老虎", "xiao3 lao2 hu3"),
        ("五百", "wu2 bai3"),
    ]);
}

#[test]
fn yi_and_bu_follow_their_neighbours() {
    check_tones(&[
        ("一个", "yi2 ge4"),
        ("查一下", "cha2 yi2 xia4"),
        ("一天", "yi4 tian1"),
        ("一百一十元", "yi4 bai3 yi1 shi2 yuan2"),
        ("第一个", "di4 yi1 ge4"),
        ("1月1号", "yi1 yue4 yi1 hao4"),
        ("11元", "shi2 yi1 yuan2"),
        ("1.5元", "yi4 yuan2 wu2 jiao3"),
        ("1.5兆", "yi1 dian2 wu3 zhao4"),
        ("看一看", "kan4 yi5 kan4"),
        ("统一", "tong3 yi1"),
        ("不是", "bu2 shi4"),
        ("不能", "bu4 neng2"),
        ("对不起", "dui4 bu5 qi3"),
        ("是不是", "shi4 bu5 shi4"),
        ("查不到", "cha2 bu5 dao4"),
        ("并不是", "bing4 bu2 shi4"),
        ("不要", "bu2 yao4"),
        ("拨打10011", "bo1 da3 yao1 ling2 ling2 yao1 yao1"),
    ]);
}

#[test]
fn erhua_is_flattened_and_children_are_not() {
    check_tones(&[("哪儿", "na2 li3"), ("一会儿", "yi2 hui4"), ("女儿", "nv3 er2"), ("一点儿", "yi4 dian3")]);
}

#[test]
fn whole_sentences_have_prosodic_words_and_pauses() {
    check(&[
        ("您好，请问有什么可以帮您？", "nin2 hao3 , qing3 wen4 | you3 shen2 me5 | ke2 yi3 | bang1 nin2 ?"),
        (
            "请稍等，正在为您转接人工坐席。",
            "qing3 shao1 deng3 , zheng4 zai4 | wei4 nin2 | zhuan3 jie1 | ren2 gong1 | zuo4 xi2 .",
        ),
        ("5G套餐", "wu3 ji4 | tao4 can1"),
        ("有三十九和一百二十九元四档", "you3 | san1 shi2 jiu3 | he2 | yi4 bai3 | er4 shi2 jiu3 yuan2 | si4 dang4"),
        ("查话费请按1。", "cha2 hua4 fei4 | qing3 an4 yi1 ."),
        ("两分钟后再试", "liang3 fen1 zhong1 hou4 | zai4 shi4"),
        ("下载APP", "xia4 zai4 | ei1 pi4 pi4"),
        ("eSIM卡", "yi4 xi1 mu5 | ka3"),
    ]);
}

#[test]
fn slots_are_read_by_their_class() {
    let Some(g2p) = shipped() else { return };
    let slot = |say_as, text| Span { say_as, ..Span::plain(text) };
    assert_eq!(
        spelled(&g2p, &[slot(SayAs::Telephone, "13800138000")]),
        "yao1 san1 ba1 / ling2 ling2 yao1 san1 / ba1 ling2 ling2 ling2"
    );
    assert_eq!(
        spelled(&g2p, &[Span::plain("余额是"), slot(SayAs::Money, "58.3"), Span::plain("元。")]),
        "yu2 e2 shi4 | wu3 shi2 ba1 yuan2 | san1 jiao3 ."
    );
}

#[test]
fn hotline_sentences_are_read_as_the_voice_is_evaluated() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/train/tts/hotline_100.tsv");
    let (Some(g2p), Ok(list)) = (shipped(), std::fs::read_to_string(&path)) else {
        println!("skipped: {} or the lexicon is missing", path.display());
        return;
    };
    let lines: Vec<(&str, &str)> = list.lines().filter_map(|line| line.split_once('\t')).collect();
    assert!(lines.len() >= 100);
    for (text, reading) in lines {
        let said = g2p.pronounce(&normalize(&[Span::plain(text)])).syllables;
        let said: Vec<&str> = said.iter().map(|syllable| syllable.pinyin.as_str()).collect();
        let toneless = |c: char| !c.is_ascii_lowercase();
        let wanted: Vec<&str> = reading.split(toneless).filter(|base| !base.is_empty()).collect();
        assert_eq!(said, wanted, "{text}");
    }
}

#[test]
fn every_latin_name_is_pinyin() {
    let units = |name: &str, reading: &str| {
        let syllables = parse_syllables(reading);
        assert_eq!(syllables.len(), reading.split(' ').count(), "{name}");
        for (base, tone) in syllables {
            assert!((1..=5).contains(&tone) && base.len() <= 6, "{name}: {base}{tone}");
        }
    };
    let table = include_str!("../../data/latin.tsv");
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let (name, reading) = line.split_once('\t').expect("a tab");
        units(name, reading);
    }
    for letter in 'A'..='Z' {
        assert!(table.lines().any(|line| line.starts_with(&format!("{letter}\t"))), "{letter} has no reading");
    }
}

#[test]
fn characters_without_reading_are_counted_and_the_pause_stays() {
    let lexicon = Lexicon::parse("test", "好\thao3\t1\n").expect("well formed");
    let g2p = G2p::new(Arc::new(lexicon)).expect("well formed");
    let said = g2p.pronounce(&normalize(&[Span::plain("好\u{2a6d6}。")]));
    assert_eq!((said.syllables.len(), said.skipped), (1, 1));
    assert_eq!(said.syllables[0].boundary, Boundary::Sentence);
}
