-- title: 연령대별 유입 경로
-- description: 분기 설문에서 각 연령대가 응답한 유입 경로와 그 비율. 한 응답자가 여러 경로를 고를 수 있다.
-- chart: bar x=age_band y=share series=channel
WITH answer AS (
    SELECT age_band, channel, COUNT(*) AS answers
    FROM survey_responses
    WHERE age_band IS NOT NULL AND channel IS NOT NULL
    GROUP BY age_band, channel
),
respondent AS (
    SELECT age_band, COUNT(*) AS respondents
    FROM (SELECT DISTINCT quarter, respondent_id, age_band FROM survey_responses) each_respondent
    WHERE age_band IS NOT NULL
    GROUP BY age_band
)
SELECT
    a.age_band,
    a.channel,
    a.answers,
    r.respondents,
    CAST(a.answers AS double) / r.respondents AS share
FROM answer a
JOIN respondent r ON r.age_band = a.age_band
ORDER BY a.age_band, a.answers DESC, a.channel
